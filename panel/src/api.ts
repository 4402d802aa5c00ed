/** What a page that embeds the panel may rely on. Published beside the module as `panel.d.ts`. */

/** An exact decimal string in US dollars, such as "0.004215". */
export type Usd = string

/** Token counts, as the relay books them. `input_tokens` are those that the cache neither gave nor took. */
export interface Usage {
  input_tokens?: number
  output_tokens?: number
  cache_read_tokens?: number
  cache_write_tokens?: number
}

/** What one request cost, as the relay booked it. */
export interface Receipt {
  request_id: string
  price_usd: Usd
  available_usd?: Usd
  usage?: Usage
  /** True when the stream was cut and the relay had to work the figure out. */
  estimated?: boolean
}

/** The answer of `GET /api/balance`. */
export interface Balance {
  available_usd: Usd
  held_usd?: Usd
  credit_usd?: Usd
  overage_usd?: Usd
  grants?: { kind: string; granted_usd: Usd; remaining_usd: Usd; expires_at: string | null }[]
}

/** A JSON Schema of type "object". */
export interface InputSchema {
  type: 'object'
  properties?: Record<string, unknown>
  required?: readonly string[]
  [keyword: string]: unknown
}

/** A tool of the page that Claude may ask for. */
export interface ToolSpec {
  /** Letters, digits, `_` and `-`; at most 64. */
  name: string
  description: string
  input_schema: InputSchema
  /** A `write` waits until the person has accepted its preview. Default: `write`, the careful one. */
  access?: 'read' | 'write'
  /** One or a few lines of plain text that say what the write would do. Default: its input. */
  preview?: (input: any) => string | Promise<string>
}

/** What a tool may return to offer an Undo button; any other value is the result itself. */
export interface Undoable {
  result: unknown
  undo: () => unknown
}

/** Gets the input that Claude chose; returns (or resolves to) anything that JSON can hold, or an {@link Undoable}. */
export type ToolFunction = (input: any, about: { signal: AbortSignal }) => unknown

/** Names to values: text, numbers, or anything that JSON can hold. */
export type Context = Record<string, unknown>

/** `detail` of the `error` event. */
export interface ErrorDetail {
  /** For instance `insufficient_credit`, `cap_reached`, `rate_limited`, `overloaded`, `offline`, `cut`, `signed_out`. */
  code: string
  message: string
  request_id?: string
  retry_after?: number
}

export interface AssistantPanelEventMap {
  ready: CustomEvent<{ signed_in: boolean }>
  'response-start': CustomEvent<{ request_id?: string }>
  'response-end': CustomEvent<{ request_id?: string; price_usd?: Usd; usage?: Usage; ended: string }>
  balance: CustomEvent<Balance>
  'signin-required': CustomEvent<Record<string, never>>
  error: CustomEvent<ErrorDetail>
}

export interface AssistantPanelElement extends HTMLElement {
  /** Origin of the API. Default: the origin that the module was loaded from. Attribute `api`. */
  api: string
  /** Where "Add credit" leads. Default: the origin that the module was loaded from. Attribute `account`. */
  account: string
  /** Attribute `theme`. */
  theme: 'auto' | 'light' | 'dark'
  /** A BCP 47 tag for numbers and times. Default: the browser's. Attribute `locale`. */
  locale: string
  /** Attribute `model`. */
  model: string
  /** `inline` fills its container, `dock` stands at the side of the window. Attribute `mode`. */
  mode: 'inline' | 'dock'
  /** Attribute, present while closed. */
  closed: boolean
  /** Instructions that stand before every conversation. */
  system: string
  /** Resolves to a short-lived bearer token; for pages of another site, where the cookie does not travel. */
  getToken?: (() => string | Promise<string>) | undefined
  open(): void
  close(): void
  /** Sends a message as if the person had typed it; resolves when the whole answer has ended. */
  send(text: string): Promise<void>
  stop(): void
  /** Starts a new conversation; the old one stays in the list. */
  clear(): void
  /** Replaces what the page tells Claude about itself; an empty object removes all. */
  setContext(context: Context): void
  /** Returns a function that takes the tool away again. */
  registerTool(spec: ToolSpec, run: ToolFunction): () => void
  addEventListener<K extends keyof AssistantPanelEventMap>(
    type: K,
    listener: (this: AssistantPanelElement, event: AssistantPanelEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void
  removeEventListener<K extends keyof AssistantPanelEventMap>(
    type: K,
    listener: (this: AssistantPanelElement, event: AssistantPanelEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void
}

declare global {
  interface HTMLElementTagNameMap {
    'assistant-panel': AssistantPanelElement
  }
}
