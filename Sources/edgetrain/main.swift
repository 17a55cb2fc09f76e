import Terminal

// `edgetrain COMMAND …`: what each command takes and does is in its own file.

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
