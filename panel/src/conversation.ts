/** A conversation as it is kept, and as it is told to Claude. */

import type { Receipt, Usd } from './api'
import type { Mishap } from './fault'
import { price, sum } from './money'

export type Block =
  | { type: 'text'; text: string }
  | { type: 'tool_use'; id: string; name: string; input: unknown }
  | { type: 'thinking'; thinking: string; signature?: string }
  | { type: string; [member: string]: unknown }

export interface ToolCall {
  id: string
  name: string
  input: unknown
  state: 'asking' | 'running' | 'done' | 'declined' | 'failed' | 'undone'
  preview?: string
  result?: string
}

/** One request and what came back. An answer has several when tools were used. */
export interface Round {
  content: Block[]
  calls: ToolCall[]
  stopReason?: string
  requestId?: string
  receipt?: Receipt
}

export type State = 'working' | 'complete' | 'stopped' | 'failed'

/** A question with its whole answer. */
export interface Exchange {
  id: string
  at: number
  text: string
  context: Record<string, string>
  rounds: Round[]
  state: State
  mishap?: Mishap
}

export interface Conversation {
  id: string
  account: string
  title: string
  updated: number
  exchanges: Exchange[]
}

export function newConversation(account: string): Conversation {
  return { id: crypto.randomUUID(), account, title: '', updated: Date.now(), exchanges: [] }
}

export function newExchange(text: string, context: Record<string, string>): Exchange {
  return { id: crypto.randomUUID(), at: Date.now(), text, context, rounds: [], state: 'working' }
}

export function answerText(exchange: Exchange): string {
  return exchange.rounds.map(textOf).filter(Boolean).join('\n\n')
}

export function textOf(round: Round): string {
  return round.content.map((block) => (block.type === 'text' ? (block.text as string) : '')).join('')
}

export function receipts(exchange: Exchange): Receipt[] {
  return exchange.rounds.flatMap((round) => round.receipt ?? [])
}

/** Undefined while nothing is known to have been booked. */
export function priceOf(exchange: Exchange): Usd | undefined {
  const known = receipts(exchange)
  return known.length ? sum(known.map((receipt) => receipt.price_usd)) : undefined
}

/** For whoever hears the panel rather than sees it. */
export function spokenPrice(exchange: Exchange | undefined, locale: string): string {
  const total = exchange && priceOf(exchange)
  return total ? `Price ${price(total, locale)}.` : ''
}

export function titleOf(text: string): string {
  const line = text.trim().split('\n')[0]!.trim()
  return line.length > 60 ? `${line.slice(0, 59).trimEnd()}…` : line
}

type Message = { role: 'user' | 'assistant'; content: Block[] }

/**
 * Messages for the API. The context goes with the question that it belongs to, never into the system prompt: a new
 * selection in the editor would otherwise make the cached beginning of the conversation worthless.
 */
export function toMessages(exchanges: Exchange[]): Message[] {
  const messages = exchanges.flatMap((exchange, at) => {
    const told = exchange.rounds.some((round) => round.content.length) && !isDeclined(exchange)
    return told || at === exchanges.length - 1 ? messagesOf(exchange, exchanges[at - 1]) : []
  })
  return withCachePoints(messages)
}

/** Claude would decline whatever follows, too, as long as it reads what it declined (docs: Streaming refusals). */
function isDeclined({ rounds }: Exchange): boolean {
  return rounds.at(-1)?.stopReason === 'refusal'
}

function messagesOf(exchange: Exchange, before?: Exchange): Message[] {
  const question: Message = { role: 'user', content: [...contextBlocks(exchange, before), textBlock(exchange.text)] }
  return [question, ...exchange.rounds.flatMap(roundMessages)]
}

function contextBlocks(exchange: Exchange, before?: Exchange): Block[] {
  const now = JSON.stringify(exchange.context)
  if (now === JSON.stringify(before?.context ?? {})) return []
  return [textBlock(`<editor_context>${now}</editor_context>`)]
}

function textBlock(text: string): Block {
  return { type: 'text', text }
}

function roundMessages(round: Round): Message[] {
  const said = round.content.filter((block) => block.type !== 'text' || String(block.text).trim())
  if (!said.length) return []
  const messages: Message[] = [{ role: 'assistant', content: said }]
  if (round.calls.length) messages.push({ role: 'user', content: round.calls.map(resultBlock) })
  return messages
}

function resultBlock(call: ToolCall): Block {
  const unfinished = call.state === 'declined' ? 'The person declined this change.' : 'This was not run.'
  return {
    type: 'tool_result',
    tool_use_id: call.id,
    content: call.state === 'undone' ? 'Done, and then undone by the person.' : (call.result ?? unfinished),
    ...(call.state === 'failed' && { is_error: true }),
  }
}

/** Marks the ends of the last two user messages: one to read what the last request wrote, one to write on. */
function withCachePoints(messages: Message[]): Message[] {
  const users = messages.filter((message) => message.role === 'user').slice(-2)
  for (const { content } of users) {
    const last = content.length - 1
    content[last] = { ...content[last]!, cache_control: { type: 'ephemeral' } }
  }
  return messages
}

/** A conversation as Markdown, for a file. */
export function toMarkdown(conversation: Conversation): string {
  const parts = conversation.exchanges.map((exchange) => {
    const asked = exchange.text.replaceAll('\n', '\n> ')
    const cost = priceOf(exchange)
    return `> ${asked}\n\n${answerText(exchange)}${cost ? `\n\n_$${cost}_` : ''}`
  })
  return `# ${conversation.title || 'Conversation'}\n\n${parts.join('\n\n---\n\n')}\n`
}
