/** The tabs of one page's origin: who of them does what. Where storage is blocked no tab knows of another. */

/** Runs `work` under this lock, or without one where there are none; `null` when it is taken and was not to be waited for. */
export async function inTurn<T>(name: string, how: LockOptions, work: (lock: Lock | null) => Promise<T>): Promise<T> {
  let begun = false
  try {
    return await navigator.locks.request(name, how, (lock) => {
      begun = true
      return work(lock)
    })
  } catch (problem) {
    if (begun || how.signal?.aborted) throw problem
    return work({ name, mode: 'exclusive' })
  }
}
