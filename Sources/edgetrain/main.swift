import Foundation
import Terminal

// `edgetrain COMMAND …`: what each command takes and does is in its own file.

// A file beyond the shell's limit (`ulimit -f`) is an error like a full disk, and no reason to lose a training.
signal(SIGXFSZ, SIG_IGN)

do {
  try Edgetrain.run(processArguments())
} catch let error as UsageError {
  report(error.description, hint: error.hint)
  exit(.usage)
} catch {
  let problem = Problem(error)
  report(problem.description, hint: problem.hint)
  exit(.failure)
}
