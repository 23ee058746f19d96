export type * from './contract.ts'
export { ADDRESS_BYTES, MARKER_GRACE_SECONDS, MAX_ORDER_BYTES, MAX_ROWS } from './contract.ts'
export * from './errors.ts'
