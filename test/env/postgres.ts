import { execFile } from 'node:child_process'
import { globSync } from 'glob'
