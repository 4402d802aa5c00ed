try { const { timeZone, locale } = Intl.DateTimeFormat().resolvedOptions(); localStorage.setItem("zone", timeZone || "UTC"); localStorage.setItem("locale", navigator.language || locale); } catch {}
