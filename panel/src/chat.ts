/** Questions, answers and the tool loop of one conversation. Knows nothing of how they are drawn. */

import { newConversation, newExchange, priceOf, titleOf, toMessages, type Conversation, type Exchange, type Round, type ToolCall } from './conversation'
import type { Receipt, Usage } from './api'
import { Fault, mishapOf } from './fault'
import { pico } from './money'
import type { Relay } from './relay'
import { keepText, streamInto } from './stream'
import type { Toolbox } from './tools'

const maxTokens = 8_192
/** Bounds of one answer's tool loop; the person may go on from there. */
export const bounds = { rounds: 12, bytes: 262_144, usd: '0.50' }
const receiptWaitsMs = [400, 800, 1_600, 3_200, 6_400]
/** How much of an answer may be lost with the page that it was streamed to. */
const keepMs = 1_000

/** A receipt as `GET /api/requests/ID` tells it, line by line. */
type Booked = Receipt & { lines?: { kind: string; tokens: number }[] }

function usageOf({ lines = [] }: Booked): Usage {
  const count = (start: string) =>
    lines.reduce((total, { kind, tokens }) => total + (kind.startsWith(start) ? tokens : 0), 0)
  return {
    input_tokens: count('input'),
    output_tokens: count('output'),
    cache_read_tokens: count('cache_read'),
    cache_write_tokens: count('cache_write'),
  }
}

export interface Host {
  readonly model: string
  readonly system: string
  readonly locale: string
  /** Something other than streamed text has changed. */
  changed(): void
  /** Text has arrived in the newest answer. */
  grew(): void
  emit(name: string, detail: object): void
  booked(receipt: Receipt): void
  /** Runs `work` on the newest state of the conversation; false when another tab is at work on it. */
  alone(conversation: Conversation, work: () => Promise<void>): Promise<boolean>
  faulted(fault: Fault, exchange: Exchange): void
  /** `quietly`: other tabs need not hear of it yet. */
  save(conversation: Conversation, quietly?: boolean): void
}

export class Chat {
  conversation: Conversation = newConversation('')
  private control?: AbortController
  private keeping?: ReturnType<typeof setTimeout> | undefined
  private tokens = maxTokens
  private current: Promise<unknown> = Promise.resolve()
  private answers = new Map<ToolCall, (accepted: boolean) => void>()

  constructor(
    private readonly host: Host,
    private readonly relay: Relay,
    private readonly tools: Toolbox,
  ) {}

  get busy(): boolean {
    return this.control !== undefined
  }

  /**
   * A second message waits for the first one's answer. `instead` and all that follows it are replaced. False when nothing
   * was sent: another tab is answering in this conversation, or it is no longer the one that is shown.
   */
  async send(text: string, context: Record<string, string>, instead?: Exchange): Promise<boolean> {
    const { conversation } = this
    return this.begin(conversation, () => {
      const from = conversation.exchanges.findIndex((one) => one.id === instead?.id)
      if (from >= 0) conversation.exchanges.splice(from)
      conversation.title ||= titleOf(text)
      return conversation.exchanges[conversation.exchanges.push(newExchange(text, context)) - 1]!
    })
  }

  /** `tokens` bounds the new answer, when the credit that is left pays for a shorter one only. */
  retry(exchange: Exchange, tokens = maxTokens): Promise<boolean> {
    this.tokens = tokens
    return this.send(exchange.text, exchange.context, exchange)
  }

  /** Takes up a tool loop that was paused at a bound. */
  async goOn(exchange: Exchange): Promise<boolean> {
    const { conversation } = this
    if (this.busy) return true
    return this.begin(conversation, () => conversation.exchanges.find((one) => one.id === exchange.id)!)
  }

  stop() {
    this.control?.abort()
  }

  /** Lets go of whatever is under way, as another conversation or person takes the place. */
  show(conversation: Conversation) {
    this.stop()
    this.conversation = conversation
    for (const exchange of conversation.exchanges) if (exchange.state === 'working') this.abandon(exchange, conversation)
    this.host.changed()
  }

  decide(call: ToolCall, accepted: boolean) {
    this.answers.get(call)?.(accepted)
  }

  async undo(call: ToolCall): Promise<void> {
    await this.tools.undo(call)
    this.host.save(this.conversation)
    this.host.changed()
  }

  private begin(conversation: Conversation, prepare: () => Exchange): Promise<boolean> {
    const work = () => {
      for (const left of conversation.exchanges) if (left.state === 'working') this.abandon(left, conversation)
      return this.work(prepare(), conversation)
    }
    const isShown = () => this.conversation === conversation
    const answered = this.current.then(() => isShown() && this.host.alone(conversation, work))
    this.current = answered.catch(() => undefined)
    return answered
  }

  private async work(exchange: Exchange, conversation: Conversation) {
    const control = (this.control = new AbortController())
    exchange.state = 'working'
    exchange.mishap = undefined
    this.keep(conversation)
    try {
      await this.loop(exchange, conversation, control.signal)
      exchange.state = 'complete'
    } catch (problem) {
      this.failed(exchange, problem, control.signal)
    }
    for (const call of exchange.rounds.flatMap((round) => round.calls))
      if (call.state === 'asking' || call.state === 'running') call.state = 'declined'
    this.control = undefined
    this.tokens = maxTokens
    this.keep(conversation)
  }

  private async loop(exchange: Exchange, conversation: Conversation, signal: AbortSignal) {
    const before = { rounds: exchange.rounds.length, spent: pico(priceOf(exchange) ?? '0') }
    for (;;) {
      const round = await this.ask(exchange, conversation, signal)
      // Claude's own tools may need more than one request.
      if (!round.calls.length && round.stopReason !== 'pause_turn') return
      for (const call of round.calls) await this.use(call, signal)
      this.host.changed()
      this.holdBounds(exchange, before)
    }
  }

  private async ask(exchange: Exchange, conversation: Conversation, signal: AbortSignal): Promise<Round> {
    const request = this.request(conversation)
    const round: Round = { content: [], calls: [] }
    exchange.rounds.push(round)
    try {
      await streamInto(round, this.relay, request, conversation.account, signal, {
        started: () => {
          this.host.emit('response-start', { request_id: round.requestId })
          this.host.changed()
        },
        grew: () => {
          this.host.grew()
          this.keepSoon(conversation)
        },
      })
      this.booked(round, 'complete')
    } catch (problem) {
      // What was on its way when the connection ended is booked by the relay a moment later.
      if (round.requestId) void this.lookUp(round, conversation, signal.aborted ? 'stopped' : 'cut')
      else exchange.rounds.pop()
      throw problem
    }
    return round
  }

  private request(conversation: Conversation) {
    const tools = this.tools.definitions()
    return {
      model: this.host.model,
      max_tokens: this.tokens,
      ...(this.host.system && {
        system: [{ type: 'text', text: this.host.system, cache_control: { type: 'ephemeral' } }],
      }),
      messages: toMessages(conversation.exchanges),
      ...(tools.length && { tools }),
    }
  }

  private async use(call: ToolCall, signal: AbortSignal) {
    const refusal = this.tools.refusal(call)
    if (refusal) {
      call.state = 'failed'
      call.result = refusal
    } else if (!this.tools.mustAsk(call) || (await this.accepted(call, signal))) {
      this.host.changed()
      await this.tools.run(call, signal)
    } else call.state = 'declined'
    signal.throwIfAborted()
    this.host.changed()
  }

  private async accepted(call: ToolCall, signal: AbortSignal): Promise<boolean> {
    call.preview = await this.tools.preview(call, signal).catch((problem) => String(problem))
    signal.throwIfAborted()
    this.host.changed()
    return new Promise<boolean>((resolve) => {
      this.answers.set(call, resolve)
      signal.addEventListener('abort', () => resolve(false), { once: true })
    }).finally(() => this.answers.delete(call))
  }

  private holdBounds(exchange: Exchange, before: { rounds: number; spent: bigint }) {
    const bytes = exchange.rounds.slice(before.rounds).flatMap((round) => round.calls)
    const size = bytes.reduce((total, call) => total + (call.result?.length ?? 0), 0)
    const spent = pico(priceOf(exchange) ?? '0') - before.spent
    const rounds = exchange.rounds.length - before.rounds
    if (rounds >= bounds.rounds || size >= bounds.bytes || spent >= pico(bounds.usd)) throw new Fault('limit', '')
  }

  private failed(exchange: Exchange, problem: unknown, signal: AbortSignal) {
    if (signal.aborted) {
      exchange.state = 'stopped'
      return
    }
    const fault = problem instanceof Fault ? problem : new Fault('broken', String(problem))
    exchange.state = 'failed'
    exchange.mishap = mishapOf(fault, this.host.locale)
    const { requestId, retryAfter } = fault.about
    const message = fault.message || exchange.mishap.text
    this.host.emit('error', { code: fault.code, message, request_id: requestId, retry_after: retryAfter })
    this.host.faulted(fault, exchange)
  }

  private booked(round: Round, ended: string) {
    const { receipt, requestId } = round
    this.host.emit('response-end', {
      request_id: receipt?.request_id ?? requestId,
      price_usd: receipt?.price_usd,
      usage: receipt?.usage,
      ended,
    })
    if (receipt) this.host.booked(receipt)
  }

  private async lookUp(round: Round, conversation: Conversation, ended: string) {
    for (const wait of round.receipt ? [] : receiptWaitsMs) {
      await new Promise((resolve) => setTimeout(resolve, wait))
      const found = await this.relay.get<Booked>(`/api/requests/${round.requestId}`, true).catch(() => undefined)
      round.receipt = found && { ...found, usage: usageOf(found) }
      if (round.receipt) break
    }
    this.booked(round, ended)
    this.keep(conversation)
  }

  private keepSoon(conversation: Conversation) {
    this.keeping ??= setTimeout(() => {
      this.keeping = undefined
      this.host.save(conversation, true)
    }, keepMs)
  }

  private keep(conversation: Conversation) {
    clearTimeout(this.keeping)
    this.keeping = undefined
    // Tabs go by the later one, also when the device's clock is set back.
    conversation.updated = Math.max(Date.now(), conversation.updated + 1)
    this.host.save(conversation)
    this.host.changed()
  }

  private abandon(exchange: Exchange, conversation: Conversation) {
    exchange.state = 'failed'
    exchange.mishap = mishapOf(new Fault('cut', ''))
    const round = exchange.rounds.at(-1)
    if (round && !round.stopReason) keepText(round)
    if (round?.requestId && !round.receipt) void this.lookUp(round, conversation, 'cut')
  }
}
