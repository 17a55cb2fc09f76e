import Format

/// Examples that a device can keep, so that a step tells it which ones to take and no more.
public struct ResidentExamples: Sendable {
  public enum Values: Sendable {
    /// Pixels as they are stored, and what each of the 256 values becomes in each channel: table [channels, 256].
    case pixels([UInt8], table: [Float])
    /// Numbers as the network takes them.
    case numbers([Float])
  }

  /// Of one example; `values` has them one behind the other.
  public var shape: ImageShape
  public var values: Values

  public init(shape: ImageShape, values: Values) {
    self.shape = shape
    self.values = values
  }

  /// Bytes of memory.
  public var byteCount: Int {
    switch values {
    case .pixels(let pixels, _): pixels.count
    case .numbers(let numbers): numbers.count * MemoryLayout<Float>.stride
    }
  }
}

/// Which example a place of a batch gets, and how its pixels are moved: pixel (x, y) is the stored one at
/// (`first` + `step` · x, y + `down`), and black where that is outside. Numbers are not moved.
public struct ExamplePick: Equatable, Sendable {
  public var index: Int32
  public var first: Int32 = 0
  /// 1, or −1 for a mirrored image.
  public var step: Int32 = 1
  public var down: Int32 = 0

  public init(index: Int) { self.index = Int32(index) }
}

/// Examples that lie on a device.
public protocol ResidentStore: AnyObject {
  /// output [picks, H, W, C] = the picked examples, with the bits that the host would have given it.
  func gather(_ picks: [ExamplePick], into output: DeviceSlice)
}

/// What a device copies to the host in its operations' turn.
public protocol PendingDownload: AnyObject {
  /// Waits for the copy, and for nothing that was asked of the device after it.
  func wait(into values: UnsafeMutableBufferPointer<Float>) throws(TrainerError)
}

/// What only a device does whose memory and time are not the host's.
extension Backend {
  public func keep(_ examples: ResidentExamples) -> (any ResidentStore)? { nil }
  public func beginDownload(_ slice: DeviceSlice) -> (any PendingDownload)? { nil }
}
