/// The processes that compute one training run together, each with its part of every batch: rank 0 to size − 1.
///
/// All ranks call the same methods with the same numbers of elements in the same order. A rank that fails does not
/// return from here: it ends the program, and with it the others.
public protocol Communicator: AnyObject {
  /// 0..<size.
  var rank: Int { get }
  var size: Int { get }

  /// Begins to add up `values` over the ranks, element by element and in place. They stay untouched, and where they are,
  /// until `finishSums`; other work goes on meanwhile. All ranks get the same bits.
  func beginSum(_ values: UnsafeMutableBufferPointer<Float>)
  /// Moves on the sums that were begun; called now and then between pieces of other work.
  func progress()
  /// Waits for all sums that were begun.
  func finishSums()
  /// Adds up a few numbers over the ranks.
  func sum(_ values: inout [Double])
  /// Gives all ranks the bytes of rank 0.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer)
}

extension Communicator {
  /// Gives all ranks the bytes of rank 0, however many those are.
  public func broadcast(_ bytes: inout [UInt8]) {
    var count = bytes.count
    withUnsafeMutableBytes(of: &count) { broadcast($0) }
    if rank != 0 { bytes = [UInt8](repeating: 0, count: count) }
    bytes.withUnsafeMutableBytes { broadcast($0) }
  }
}
