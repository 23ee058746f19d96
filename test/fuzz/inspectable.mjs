/**
 * Opens the inspector of a server that runs, when asked by a signal: preloaded with `node --import`. A production server
 * that finds one open does not start, and has no switch to open one.
 */
import { open } from 'node:inspector'

process.once('SIGUSR2', () => open(0, '127.0.0.1'))
