import Foundation
import Synchronization

private let isInterruptRequested = Atomic<Bool>(false)

/// Ctrl-C (and SIGTERM) as a request to stop at the next step. A second one ends the program at once.
enum Interrupt {
  static var isRequested: Bool { isInterruptRequested.load(ordering: .relaxed) }

  static func catchSignals() {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in isInterruptRequested.store(true, ordering: .relaxed) }
    // The handler is for the first signal only; system calls that it falls into go on.
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_RESTART
    sigaction(SIGINT, &action, nil)
    sigaction(SIGTERM, &action, nil)
    // Whoever started the program may have blocked them, and a blocked signal never comes.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}
