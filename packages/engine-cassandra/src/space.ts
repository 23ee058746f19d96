/** A space that is open, as the other files of this engine see it. */
import type { Space } from '@holdfast/engine'

export interface OpenSpace extends Space {
  /** The longest TTL it ever had, in seconds; 0: records may live for ever. */
  readonly highestTtl: number
}
