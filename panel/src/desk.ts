/** Everything that a panel knows, without how it looks: the person, their conversations, the draft, the tools. */

import type { Balance, Receipt } from './api'
import { Chat } from './chat'
import { Chips } from './context'
import { newConversation, spokenPrice, type Conversation, type Exchange } from './conversation'
import { tooLong } from './draft'
import { mishapOf, type Fault } from './fault'
import { History, drafts, joined, place } from './history'
import { Relay, type Caller } from './relay'
import { Session } from './session'
import { Toolbox } from './tools'

/** The element, seen from here. */
export interface Surface extends Caller {
  readonly model: string
  readonly system: string
  readonly locale: string
  changed(): void
  grew(): void
  emit(name: string, detail: object): void
}

export class Desk {
  draft = ''
  said = ''
  notice = ''
  lowDismissed = 100
  editing?: Exchange
  conversations: Conversation[] = []
  loading: Promise<void> = Promise.resolve()
  readonly chips = new Chips()
  readonly tools = new Toolbox()
  private owner?: string
  private draftBefore = ''
  private readonly removed = new Set<string>()
  private readonly history = new History()
  private readonly relay: Relay
  readonly session: Session
  readonly chat: Chat

  constructor(private readonly surface: Surface) {
    this.relay = new Relay(() => surface)
    this.session = new Session(this.relay, (balance) => this.sessionChanged(balance))
    this.chat = new Chat(this, this.relay, this.tools)
  }

  get model() {
    return this.surface.model
  }
  get system() {
    return this.surface.system
  }
  get locale() {
    return this.surface.locale
  }

  get exchanges() {
    return this.chat.conversation.exchanges
  }

  get signedIn() {
    return this.session.state === 'in'
  }

  // The person's verbs.

  load = (): Promise<void> => {
    this.relay.forget()
    return (this.loading = this.session.load())
  }

  /** False when the message could not go because nobody is signed in; it is then the draft. */
  async send(text: string): Promise<boolean> {
    if (!text.trim()) return true
    if (tooLong(text, this.locale)) {
      this.type(joined(text, this.draft))
      this.emit('error', { code: 'too_long', message: this.notice })
      return true
    }
    if (this.session.state === 'unknown') await this.loading
    if (!this.signedIn) {
      this.type(text)
      this.emit('signin-required', {})
      return false
    }
    const instead = this.editing
    this.editing = undefined
    const [owner, { conversation }] = [this.owner, this.chat]
    if (!(await this.chat.send(text.trim(), this.chips.record(), instead))) this.putBack(text, owner, conversation)
    return true
  }

  /** What could not go stands in the box again, before whatever was typed since; only its own author sees it there. */
  private putBack(text: string, owner: string | undefined, conversation: Conversation) {
    if (owner === this.owner) this.type(joined(text, this.draft))
    else if (owner) drafts.write(owner, joined(text, drafts.read(owner)))
    this.taken(conversation)
  }

  /** Nothing to say of a conversation that was left before its turn came. */
  private taken(conversation: Conversation) {
    if (conversation === this.chat.conversation) this.tell('This conversation is being answered in another tab. Your message is kept.')
  }

  /** Above the text box, and to who hears the panel. */
  tell(words: string) {
    this.said = this.notice = words
    this.changed()
  }

  /** Something that the chat tries, and does not begin while another tab is at it. */
  async attempt(act: (chat: Chat) => Promise<boolean>) {
    const { conversation } = this.chat
    if (!(await act(this.chat))) this.taken(conversation)
  }

  /** Sends what is in the box. While an answer is under way the draft stays where it is. */
  async submit(): Promise<boolean> {
    const text = this.draft
    if (this.chat.busy || tooLong(text, this.locale) || !text.trim()) return true
    if (this.signedIn) this.type(this.editing ? this.draftBefore : '')
    return this.send(text)
  }

  type(text: string) {
    this.draft = text
    this.said = this.notice = tooLong(text, this.locale)
    if (this.owner && !this.editing) drafts.write(this.owner, text)
    this.changed()
  }

  edit(exchange: Exchange) {
    if (!this.editing) this.draftBefore = this.draft
    this.editing = exchange
    this.draft = exchange.text
    this.changed()
  }

  dropEdit() {
    this.editing = undefined
    this.draft = this.draftBefore
    this.changed()
  }

  show(conversation: Conversation) {
    if (this.editing) this.dropEdit()
    place.write(conversation.id)
    this.chat.show(conversation)
  }

  clear() {
    this.show(newConversation(this.owner ?? ''))
  }

  keep(conversation: Conversation) {
    if (!this.conversations.includes(conversation)) this.conversations.push(conversation)
    this.conversations.sort((a, b) => b.updated - a.updated)
    void this.history.save(conversation).then((kept) => kept || this.letGo(conversation))
    this.changed()
  }

  /** The new name is shown once it is kept. */
  async rename(conversation: Conversation, title: string): Promise<void> {
    if (!(await this.history.save({ ...conversation, title }))) return this.letGo(conversation)
    conversation.title = title
    this.changed()
  }

  /** It was removed, here or in another tab; an answer that is under way in it ends. */
  private letGo(conversation: Conversation) {
    if (conversation === this.chat.conversation) this.clear()
    this.conversations = this.conversations.filter((one) => one !== conversation)
    this.changed()
  }

  /** Resolves when it is gone from the browser's database too; nothing of it that arrives late brings it back. */
  async remove(conversation: Conversation): Promise<void> {
    this.removed.add(conversation.id)
    if (conversation === this.chat.conversation) this.clear()
    await this.history.remove(conversation.id)
    this.letGo(conversation)
  }

  bringBack(conversation: Conversation) {
    this.removed.delete(conversation.id)
    this.save(conversation)
  }

  // Other tabs.

  listen() {
    this.session.listen()
    this.history.listen(() => void this.agree())
  }
  silence() {
    this.session.silence()
    this.history.silence()
  }

  /** Takes over what another tab has kept, renamed or deleted; what is being answered here is left alone. */
  private async agree() {
    const account = this.owner
    if (!account) return
    const { conversation } = this.chat
    const kept = await this.history.list(account)
    if (this.owner !== account || this.chat.conversation !== conversation) return
    const newer = kept.find((one) => one.id === conversation.id)
    if (!newer && this.history.knew(conversation.id)) this.letGo(conversation)
    if (this.chat.busy) return
    // Equal times are a new name, which does not move a conversation up.
    if (newer && newer.updated >= conversation.updated) Object.assign(conversation, newer)
    this.conversations = kept.map((one) => (one.id === conversation.id ? conversation : one))
    this.changed()
  }

  alone(conversation: Conversation, work: () => Promise<void>): Promise<boolean> {
    return this.history.alone(conversation.id, async () => {
      const newest = await this.history.one(conversation.id)
      if (newest && newest.updated > conversation.updated) Object.assign(conversation, newest)
      await work()
    })
  }

  // Who is signed in.

  private sessionChanged(balance?: Balance) {
    const { state, account } = this.session
    if (balance) this.emit('balance', balance)
    if (state === 'out') this.left()
    else if (account && account.id !== this.owner) void this.arrived(account.id)
    this.changed()
  }

  private left() {
    // What the person who left had not sent is kept under their name, out of the next one's sight.
    const last = this.exchanges.at(-1)
    if (this.chat.busy && last) this.rescue(last)
    if (this.owner) this.draft = ''
    this.owner = this.editing = undefined
    this.conversations = []
    this.chat.show(newConversation(''))
    this.emit('signin-required', {})
  }

  private async arrived(account: string) {
    const typedBefore = this.owner ? '' : this.draft
    if (this.owner) this.conversations = []
    this.owner = account
    this.type(joined(drafts.read(account), typedBefore))
    const here = place.read()
    this.show(newConversation(account))
    const all = await this.history.list(account)
    if (this.owner !== account) return
    this.conversations = [...this.conversations, ...all]
    const last = all.find((one) => one.id === here)
    if (last && !this.exchanges.length) this.show(last)
    this.changed()
  }

  // What the chat tells.

  changed = () => this.surface.changed()
  grew = () => this.surface.grew()

  emit(name: string, detail: object) {
    if (name === 'response-start') this.said = 'The assistant is answering.'
    if (name === 'response-end') this.said = `Answered. ${spokenPrice(this.exchanges.at(-1), this.locale)}`
    this.surface.emit(name, detail)
  }

  booked(receipt: Receipt) {
    this.session.booked(receipt)
  }

  /** Signed out elsewhere, or somebody else in: the message that could not go waits with the draft of the same person. */
  faulted(fault: Fault, exchange: Exchange) {
    if (fault.code !== 'signed_out' && fault.code !== 'another_account') return
    this.rescue(exchange)
    if (fault.code === 'signed_out') this.session.out()
    else void this.session.load().then(() => this.tell(mishapOf(fault).text))
  }

  private rescue(exchange: Exchange) {
    const { exchanges } = this
    if (exchange.rounds.length || !exchanges.includes(exchange)) return
    exchanges.splice(exchanges.indexOf(exchange), 1)
    if (this.owner) drafts.write(this.owner, joined(exchange.text, this.draft))
  }

  /** An empty conversation is not worth a line in the list. */
  save(conversation: Conversation, quietly = false) {
    if (!conversation.account || this.removed.has(conversation.id)) return
    if (!conversation.exchanges.length) void this.history.remove(conversation.id)
    else if (conversation.account === this.owner && !quietly) this.keep(conversation)
    else void this.history.save(conversation, quietly)
  }
}
