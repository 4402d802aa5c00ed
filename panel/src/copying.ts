/** Puts text on the clipboard and says so on the button that was pressed. */
export async function copy(text: string, event: Event, button = event.currentTarget as HTMLElement) {
  await navigator.clipboard.writeText(text)
  button.dataset.copied = ''
  setTimeout(() => delete button.dataset.copied, 1500)
}

/** For the whole panel: code blocks are plain DOM without listeners of their own. */
export function copyCode(event: Event) {
  const button = (event.target as Element).closest<HTMLElement>('[data-copy]')
  if (button) void copy(button.closest('.code')!.querySelector('code')!.textContent, event, button)
}
