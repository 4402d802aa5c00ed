// A group of buttons is one stop of the Tab key; the arrow keys go on from there.

const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 'row', ArrowUp: '-row', Home: 'first', End: 'last' }

function buttonsOf(group) {
  return [...group.querySelectorAll('button, [role="button"]')]
}

/** New children for the group. Whoever was on a button of it stays there, as each change draws all of them anew. */
export function refill(group, ...children) {
  const held = document.activeElement
  const place = buttonsOf(group).indexOf(held)
  group.replaceChildren(...children)
  const stop = keepOneStop(group)
  if (place < 0) return
  const same = buttonsOf(group)[place]
  // A change may have sorted the pressed one to another place.
  const next = same && isPressed(same) >= isPressed(held) ? same : stop
  next?.focus()
}

/** The Tab key reaches the pressed button, or the first. Returns it. */
export function keepOneStop(group) {
  const buttons = buttonsOf(group)
  const stop = buttons.find(isPressed) ?? buttons[0]
  for (const button of buttons) button.tabIndex = button === stop ? 0 : -1
  return stop
}

function isPressed(button) {
  return button.getAttribute('aria-pressed') === 'true'
}

export function walkByArrows(group) {
  group.addEventListener('keydown', (event) => {
    const buttons = buttonsOf(group)
    const here = buttons.indexOf(document.activeElement)
    const step = steps[event.key]
    if (here < 0 || !step) return
    const next = target(buttons, here, step)
    event.preventDefault()
    buttons[next]?.focus()
  })
}

function target(buttons, here, step) {
  if (step === 'first') return 0
  if (step === 'last') return buttons.length - 1
  if (step === 'row') return here + columns(buttons)
  if (step === '-row') return here - columns(buttons)
  return here + step
}

function columns(buttons) {
  const tops = buttons.map((one) => one.getBoundingClientRect().top)
  return Math.max(tops.findIndex((top) => top > tops[0] + 4), 1)
}
