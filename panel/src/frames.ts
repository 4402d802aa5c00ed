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
  private fromEnd?: number | undefined

  constructor(
    private readonly scroller: () => HTMLElement | null,
    private readonly changed: () => void,
  ) {}

  noticed(): HTMLElement | null {
    const box = this.scroller()
    const atEnd = !box || box.scrollHeight - box.scrollTop - box.clientHeight < 64
    if (atEnd !== this.atEnd) {
      this.atEnd = atEnd
      this.changed()
    }
    return box
  }

  /** Before something is drawn above what is being read, which stays where it is at the next `keep`. */
  hold() {
    const box = this.scroller()
    if (box) this.fromEnd = box.scrollHeight - box.scrollTop
  }

  keep() {
    const box = this.scroller()
    if (box && this.fromEnd !== undefined) box.scrollTop = box.scrollHeight - this.fromEnd
    else if (this.atEnd) this.jump()
    this.fromEnd = undefined
  }

  jump = () => {
    const box = this.scroller()
    if (box) box.scrollTop = box.scrollHeight
  }
}
