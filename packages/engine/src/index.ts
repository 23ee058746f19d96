export type * from './contract.ts'
export {
  ADDRESS_BYTES,
  MARKER_GRACE_SECONDS,
  MAX_ORDER_BYTES,
  MAX_ROWS,
  MAX_TTL_SECONDS,
} from './contract.ts'
export * from './errors.ts'
export * from './rules.ts'
