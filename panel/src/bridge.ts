/** For pages of another site: `panel.getToken = bridge()` brings a token through a window of the account's own site. */

const home = new URL(import.meta.url).origin

/**
 * A function for `getToken`. It opens a window, so it works where the person has just pressed something; anywhere else
 * the promise is rejected at once, and the panel offers its "Sign in" button.
 *
 * `account` is the origin that answers `/api`; by default the one that this module came from.
 */
export function bridge(account = home): () => Promise<string> {
  return () => {
    if (!navigator.userActivation.isActive) return Promise.reject(new Error('A window opens only where something was pressed.'))
    const address = `${account}/api/auth/bridge?origin=${encodeURIComponent(location.origin)}`
    const opened = window.open(address, 'assistant-bridge', 'popup,width=420,height=520')
    return opened ? heard(opened, account) : Promise.reject(new Error('The window was kept shut by the browser.'))
  }
}

function heard(opened: Window, account: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const over = new AbortController()
    const watch = setInterval(() => opened.closed && end(() => reject(new Error('The window was closed.'))), 500)
    const end = (tell: () => void) => {
      clearInterval(watch)
      over.abort()
      tell()
    }
    addEventListener(
      'message',
      ({ origin, source, data }) => {
        if (origin !== account || source !== opened || data?.type !== 'assistant-token') return
        end(() => resolve(data.token))
      },
      { signal: over.signal },
    )
  })
}
