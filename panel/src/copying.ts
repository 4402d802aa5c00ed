/** Puts text on the clipboard and says so on the button that was pressed. */
export async function copy(text: string, event: Event, button = event.currentTarget as HTMLElement) {
  await navigator.clipboard.writeText(text)
  button.dataset.copied = ''
  setTimeout(() => delete button.dataset.copied, 1500)
}
