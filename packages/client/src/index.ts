export { Client, type ClientOptions, createClient, type StoreOptions } from './client.ts'
export type { BasicOptions, TlsOptions } from './credentials.ts'
export {
  ConditionError,
  DeniedError,
  EndedError,
  HoldfastError,
  LogoutPendingError,
  RequestError,
  UnavailableError,
  UnconfirmedError,
} from './errors.ts'
export type { SealKeys } from './seal.ts'
export { type Found, type PutOptions, StoreClient } from './store.ts'
