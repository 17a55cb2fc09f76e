import Terminal

/// The device command.
@main struct EdgeRun {
  static func main() {
    var words = processArguments()
    do throws(Failure) {
      switch words.first {
      case "info":
        words.removeFirst()
        try info(words)
      case "bench":
        words.removeFirst()
        try bench(words)
      case "kernels":
        words.removeFirst()
        try kernels(words)
      default: try classify(words)
      }
    } catch {
      if !error.description.isEmpty { report(error.description, hint: error.hint) }
      exit(error.status)
    }
  }

  static let version = "1.0"
}
