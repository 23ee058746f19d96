/**
 * All shapes of attack and how often each is made. Weights follow what a shape can vary: those with many pieces get many
 * tries, those that cost the server's whole patience or megabytes get few.
 */
import type { Attack, Shape, Target } from './attack.ts'
import { below } from './below.ts'
import { fields } from './fields.ts'
import { framing } from './framing.ts'
import { mutations } from './mutations.ts'
import { Random } from './random.ts'
import { requests } from './requests.ts'
import { smuggling } from './smuggling.ts'
import { stalls } from './stalls.ts'

const shapes: Readonly<Record<string, Shape>> = {
  ...framing,
  ...smuggling,
  ...requests,
  ...fields,
  ...stalls,
  ...below,
  ...mutations,
}

/** Shapes that are not named here have the weight 40. */
const WEIGHTS: Readonly<Record<string, number>> = {
  ambiguousLength: 140,
  brokenChunks: 100,
  wholeInBody: 120,
  escapes: 300,
  nonsenseFields: 250,
  targets: 100,
  methods: 80,
  mutated: 250,
  mutatedTrain: 80,
  headSize: 20,
  hugeTarget: 15,
  keySize: 30,
  pieces: 10,
  largeValue: 2,
  deaf: 2,
  silence: 3,
  mute: 2,
  dribble: 3,
  endless: 3,
  truncatedHello: 10,
}

/** Each shape as often as its weight. */
const urn: readonly string[] = Object.keys(shapes).flatMap((name) => Array<string>(WEIGHTS[name] ?? 40).fill(name))

export const SHAPE_NAMES: readonly string[] = Object.keys(shapes)

/** Attack number `id` of the run with this seed; always the same. */
export function attackOf(seed: number, id: number, target: Target): Attack {
  const random = new Random(seed, id)
  // The first ones are one of each shape, so that no run is too short for any.
  const shape = SHAPE_NAMES[id] ?? random.pick(urn)
  return { shape, ...shapes[shape]!(random, id, target) }
}
