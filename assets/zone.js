try { localStorage.setItem("zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC"); } catch {}
