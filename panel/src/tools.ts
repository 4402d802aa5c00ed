/** The page's tools: what Claude is told of them, and how they are run within bounds. */

import type { ToolFunction, ToolSpec, Undoable } from './api'
import type { ToolCall } from './conversation'

export const resultBytesMax = 32_768
const runMs = 30_000
const previewMax = 2_000

interface Tool {
  spec: ToolSpec
  run: ToolFunction
}

export class Toolbox {
  private tools = new Map<string, Tool>()
  private undos = new Map<string, () => unknown>()

  register(spec: ToolSpec, run: ToolFunction): () => void {
    if (!/^[\w-]{1,64}$/.test(spec.name)) throw new TypeError(`A tool's name is letters, digits, _ and -: ${spec.name}`)
    if (spec.input_schema?.type !== 'object') throw new TypeError(`${spec.name}: input_schema needs type "object"`)
    const tool = { spec, run }
    this.tools.set(spec.name, tool)
    return () => {
      if (this.tools.get(spec.name) === tool) this.tools.delete(spec.name)
    }
  }

  /** As the API wants them, in a fixed order: a changed order would miss the prompt cache. */
  definitions() {
    const named = [...this.tools.values()].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1))
    return named.map(({ spec: { name, description, input_schema } }) => ({ name, description, input_schema }))
  }

  /** Why the call cannot be run at all, in words for Claude. */
  refusal(call: ToolCall): string | undefined {
    const tool = this.tools.get(call.name)
    if (!tool) return noTool(call.name)
    const input = Object(call.input)
    const missing = (tool.spec.input_schema.required ?? []).filter((name) => !(name in input))
    return missing.length ? `Missing in the input: ${missing.join(', ')}.` : undefined
  }

  mustAsk(call: ToolCall): boolean {
    return this.tools.get(call.name)?.spec.access !== 'read'
  }

  async preview(call: ToolCall, signal: AbortSignal): Promise<string> {
    const described = await within(signal, () => this.tools.get(call.name)?.spec.preview?.(call.input))
    return String(described ?? JSON.stringify(call.input, null, 2)).slice(0, previewMax)
  }

  /** Sets the state and the result of `call`; never throws. */
  async run(call: ToolCall, signal: AbortSignal): Promise<void> {
    call.state = 'running'
    try {
      const outcome = await within(signal, (bounds) => this.taken(call.name).run(call.input, { signal: bounds }))
      if (isUndoable(outcome)) this.undos.set(call.id, outcome.undo)
      call.result = bounded(isUndoable(outcome) ? outcome.result : outcome)
      call.state = 'done'
    } catch (problem) {
      call.result = bounded(reason(problem))
      call.state = 'failed'
    }
  }

  /** The page may have taken a tool away while the person was asked. */
  private taken(name: string): Tool {
    const tool = this.tools.get(name)
    if (!tool) throw new Error(noTool(name))
    return tool
  }

  canUndo(call: ToolCall): boolean {
    return call.state === 'done' && this.undos.has(call.id)
  }

  async undo(call: ToolCall): Promise<void> {
    await this.undos.get(call.id)?.()
    this.undos.delete(call.id)
    call.state = 'undone'
  }
}

const noTool = (name: string) => `There is no tool "${name}" on this page.`

/** What `work` resolves to, unless the answer is stopped or half a minute is over. */
async function within<T>(signal: AbortSignal, work: (bounds: AbortSignal) => T): Promise<Awaited<T>> {
  const bounds = AbortSignal.any([signal, AbortSignal.timeout(runMs)])
  return Promise.race([work(bounds), ended(bounds)])
}

/** Pages throw anything. */
function reason(problem: unknown): string {
  const { name, message } = Object(problem)
  if (name === 'TimeoutError') return 'The tool did not answer within 30 seconds.'
  return typeof problem === 'string' ? problem : String(message || 'The tool failed and gave no reason.')
}

function isUndoable(outcome: unknown): outcome is Undoable {
  return typeof (outcome as Undoable | null)?.undo === 'function'
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

export function bounded(result: unknown): string {
  const text = typeof result === 'string' ? result : (JSON.stringify(result) ?? 'Done.')
  const bytes = new TextEncoder().encode(text.slice(0, resultBytesMax + 1))
  if (bytes.length <= resultBytesMax) return text || 'Done.'
  const head = new TextDecoder().decode(bytes.subarray(0, resultBytesMax)).replace(/\uFFFD+$/, '')
  return `${head}\n[cut: ${text.length} characters, ${resultBytesMax} bytes at most]`
}
