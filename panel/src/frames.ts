/** At most one call of `paint` a frame, however often it is asked for. */

export function batched(paint: () => void): () => void {
  let waiting = false
  return () => {
    if (waiting) return
    waiting = true
    const run = () => {
      waiting = false
      paint()
    }
    // A hidden tab has no frames; its text must not pile up until it is looked at.
    if (document.hidden) setTimeout(run, 100)
    else requestAnimationFrame(run)
  }
}

/** Keeps a scroller at its end, but only while the reader is there. */
export class Follow {
  atEnd = true

  constructor(
    private readonly scroller: () => HTMLElement | null,
    private readonly changed: () => void,
  ) {}

  noticed = () => {
    const box = this.scroller()
    if (!box) return
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 64
    if (atEnd === this.atEnd) return
    this.atEnd = atEnd
    this.changed()
  }

  keep() {
    if (this.atEnd) this.jump()
  }

  jump = () => {
    const box = this.scroller()
    if (box) box.scrollTop = box.scrollHeight
  }
}
