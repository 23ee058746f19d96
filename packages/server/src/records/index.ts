export type { Opened, SealedCells } from './cells.ts'
export { sealedSize } from './envelope.ts'
export { KeysetError, KeysetMismatch, Unreadable } from './errors.ts'
export { BELIEVED_SECONDS, Heartbeat, INSTANCES, type InstanceReport, isAhead } from './instances.ts'
export { Keyset, overFrom, type SealingKey } from './keyset.ts'
export {
  changeKeysetFile,
  createKeysetFile,
  loadKeysetFile,
  readPrivateFile,
} from './keyset-file.ts'
export { type Look, look } from './look.ts'
export { credentialFile, readPassphraseFile, wrappingFrom } from './passphrase.ts'
export { Records } from './records.ts'
