/** One streamed request: bytes in, a growing Round out. */

import { createParser } from 'eventsource-parser'

import type { Block, Round } from './conversation'
import { Fault, faultOfEvent, networkFault } from './fault'
import type { Relay } from './relay'

const silenceMs = 120_000

export interface Listener {
  started(round: Round): void
  grew(round: Round): void
}

type Event = { type: string; [member: string]: any }

/** Fills `round` as the stream comes. Throws a Fault, with whatever had arrived left in `round`. */
export async function streamInto(
  round: Round,
  relay: Relay,
  request: object,
  account: string,
  signal: AbortSignal,
  listener: Listener,
): Promise<void> {
  // Whose cookie the browser sends may have changed in another tab, or whose token the page brings.
  const headers = { 'x-receipt': '1', 'anthropic-version': '2023-06-01', 'x-account': account }
  const response = await relay.post('/api/claude/v1/messages', { ...request, stream: true }, { headers, signal })
  round.requestId = response.headers.get('request-id') ?? undefined
  listener.started(round)
  const reading = new Reading(round)
  try {
    await feed(response.body!, (text) => reading.take(text) && listener.grew(round))
  } catch (problem) {
    if (signal.aborted) throw problem
    const lost = networkFault()
    throw lost.code === 'offline' ? lost : new Fault('cut', '')
  } finally {
    dropUnfinished(round, reading.closed)
  }
  reading.verdict()
}

/** Gives each piece of text to `take`. Ends with the body, or when nothing has come for two minutes. */
export async function feed(body: ReadableStream<Uint8Array>, take: (text: string) => void) {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  for (;;) {
    const silence = setTimeout(() => reader.cancel(), silenceMs)
    const { done, value } = await reader.read().finally(() => clearTimeout(silence))
    if (done) return
    take(decoder.decode(value, { stream: true }))
  }
}

class Reading {
  /** What came whole. */
  readonly closed = new Set<Block>()
  private stopped = false
  private halfCall = false
  private fault?: Fault
  private changed = false
  private json = new Map<Block, string>()
  private parser = createParser({ onEvent: ({ event, data }) => this.on(event, data) })

  constructor(private readonly round: Round) {}

  /** True when the text has something new to show. */
  take(text: string): boolean {
    this.changed = false
    this.parser.feed(text)
    return this.changed
  }

  verdict() {
    if (this.fault) throw this.fault
    // A call of a tool that does not fit into `max_tokens` is no fault of the connection.
    if (!this.stopped || (this.halfCall && this.round.stopReason !== 'max_tokens')) throw new Fault('cut', '')
  }

  private on(name: string | undefined, data: string) {
    let event: Event
    try {
      event = JSON.parse(data)
    } catch {
      return
    }
    if (name === 'receipt') this.round.receipt = event as never
    else if (event.type === 'error') this.fault = faultOfEvent(event.error)
    else if (event.type === 'message_stop') this.stopped = true
    else if (event.type === 'message_delta') this.round.stopReason = event.delta?.stop_reason
    else if (event.type === 'content_block_start') this.round.content[event.index] = event.content_block
    else if (event.type === 'content_block_delta') this.grow(this.round.content[event.index], event.delta)
    else if (event.type === 'content_block_stop') this.close(this.round.content[event.index])
  }

  private grow(block: Block | undefined, delta: Event) {
    const open = block as Record<string, any> | undefined
    if (!block || !open) return
    if (delta.type === 'input_json_delta') this.json.set(block, (this.json.get(block) ?? '') + delta.partial_json)
    else if (delta.type === 'text_delta') open.text += delta.text
    else if (delta.type === 'thinking_delta') open.thinking += delta.thinking
    else if (delta.type === 'signature_delta') open.signature = delta.signature
    else if (delta.type === 'citations_delta') open.citations = [...(open.citations ?? []), delta.citation]
    this.changed ||= delta.type === 'text_delta'
  }

  private close(block: Block | undefined) {
    if (!block) return
    const written = this.json.get(block)
    try {
      if (written) (block as { input: unknown }).input = JSON.parse(written)
    } catch {
      this.halfCall ||= block.type === 'tool_use'
      return
    }
    this.closed.add(block)
    if (block.type !== 'tool_use') return
    this.round.calls.push({ id: block.id as string, name: block.name as string, input: block.input ?? {}, state: 'asking' })
  }
}

/** Anything but text that was cut half-way, or a call of Claude's own tools without its result, would make the next request invalid. */
function dropUnfinished(round: Round, closed: Set<Block>) {
  const answered = new Set(round.content.map((block: Record<string, unknown>) => block?.tool_use_id))
  const isWhole = (block: Block) =>
    block.type === 'thinking'
      ? block.signature
      : block.type !== 'server_tool_use' || round.stopReason === 'pause_turn' || answered.has(block.id)
  round.content = round.content.filter((block) => block && (block.type === 'text' || (closed.has(block) && isWhole(block))))
}

/** Of an answer whose page went away in the middle nobody knows which other blocks came whole. */
export function keepText(round: Round) {
  round.content = round.content.filter((block) => block?.type === 'text')
  round.calls = []
}
