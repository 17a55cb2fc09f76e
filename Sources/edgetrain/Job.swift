import Foundation
import Terminal
import Trainer

#if MPI
  import MessagePassing
#endif

/// The processes that `mpirun` started, of which this is one.
enum Job {
  /// Joins the other processes; nil if this one was started alone.
  ///
  /// - Throws: `Problem` if it was not, and this build has no MPI: each would write the same files.
  static func join() throws -> (any Communicator)? {
    // What Open MPI, and launchers that speak PMI, tell the processes that they start.
    let environment = ProcessInfo.processInfo.environment
    let size = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].compactMap { environment[$0] }.compactMap { Int($0) }.first ?? 1
    guard size > 1 else { return nil }
    #if MPI
      return MPICommunicator()
    #else
      throw Problem(
        "mpirun: expected a build with MPI, found one without that was started \(size) times",
        hint: "build edgetrain by `swift build -c release --traits MPI`")
    #endif
  }

  /// Leaves when the others do, after all is done.
  static func leave(_ communicator: (any Communicator)?) {
    #if MPI
      if communicator != nil { message_passing_stop() }
    #endif
  }

  /// CPUs for each of the processes on this machine, at least 1.
  static func threads(_ communicator: (any Communicator)?) -> Int {
    #if MPI
      if communicator != nil { return max(1, availableThreads() / Int(message_passing_local_size())) }
    #endif
    return availableThreads()
  }
}

#if MPI
  /// `Communicator` by MPI. Used by one thread only, that which made it.
  private final class MPICommunicator: Communicator {
    let rank: Int
    let size: Int

    init() {
      message_passing_start()
      rank = Int(message_passing_rank())
      size = Int(message_passing_size())
    }

    func beginSum(_ values: UnsafeMutableBufferPointer<Float>) {
      guard let start = values.baseAddress, message_passing_begin_sum(start, values.count) != 0 else { return }
      report("rank \(rank): expected memory for one more sum over all ranks, found none", hint: nil)
      exit(.failure)
    }

    func progress() { message_passing_progress() }
    func finishSums() { message_passing_finish_sums() }
    func sum(_ values: inout [Double]) { message_passing_sum(&values, values.count) }
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) { message_passing_broadcast(bytes.baseAddress, bytes.count) }
  }
#endif
