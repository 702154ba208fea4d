import { logger } from 'matrix-js-sdk/lib/logger.js'

/*
 * The client of Matrix would tell of every request and event. Its modules take the functions of its log when they are
 * loaded, so this must be loaded before them.
 */

logger.setLevel('silent')
