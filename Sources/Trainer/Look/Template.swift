import Dispatch
import Format
import Vision

/// A small pattern that is searched for in a larger picture: a cut-out, or a filter's weights.
public struct Template: Sendable {
  /// [height, width, channels].
  public let shape: ImageShape
  /// Less their mean in each channel.
  private let values: [Float]
  /// Square root of the sum of their squares.
  private let norm: Double

  /// - Parameter values: [height, width, channels].
  public init(shape: ImageShape, values: [Float]) {
    precondition(values.count == shape.count, "values do not match the shape")
    self.shape = shape
    let pixels = Double(shape.height * shape.width)
    var centred = values
    for channel in 0..<shape.channels {
      let places = stride(from: channel, to: values.count, by: shape.channels)
      let mean = places.reduce(0) { $0 + Double(values[$1]) } / pixels
      for place in places { centred[place] = Float(Double(values[place]) - mean) }
    }
    self.values = centred
    norm = centred.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  public init(_ image: Image) {
    self.init(
      shape: ImageShape(height: image.height, width: image.width, channels: image.channels),
      values: image.pixels.map { Float($0) })
  }

  /// The normalized correlation of the template with every window of its size in `picture`:
  ///
  /// r = Σ (p − p̄)(t − t̄) / √(Σ (p − p̄)² · Σ (t − t̄)²), the means taken per channel, the sums over all channels
  /// (Lewis 1995, "Fast template matching"). It is 1 where the window is the template times a positive factor plus a
  /// constant per channel, −1 where it is its negative, and does not depend on brightness and contrast. A window or a
  /// template without contrast has the correlation 0.
  ///
  /// The result is the same bits for any number of threads.
  ///
  /// - Returns: nil if the template is larger than the picture.
  /// - Precondition: the picture has the template's channels.
  public func correlation(with picture: Image) -> CorrelationMap? {
    precondition(picture.channels == shape.channels, "picture and template have different channels")
    guard picture.width >= shape.width, picture.height >= shape.height else { return nil }
    let (width, height) = (picture.width - shape.width + 1, picture.height - shape.height + 1)
    let energies = WindowEnergies(picture)
    let planes = Planes(picture)
    let result = [Float](unsafeUninitializedCapacity: width * height) { result, initialized in
      // Safe: each iteration writes a row of its own, and only reads what is shared.
      nonisolated(unsafe) let result = result
      DispatchQueue.concurrentPerform(iterations: height) { y in
        let row = result.baseAddress! + y * width
        products(with: planes, y: y, width: width, into: row)
        for x in 0..<width {
          let energy = energies.energy(x: x, y: y, width: shape.width, height: shape.height)
          let divisor = energy.squareRoot() * norm
          row[x] = divisor > 0 ? Float(min(max(Double(row[x]) / divisor, -1), 1)) : 0
        }
      }
      initialized = width * height
    }
    return CorrelationMap(template: shape, width: width, height: height, values: result)
  }

  /// Σ p·(t − t̄) for all windows of a row; it is Σ (p − p̄)(t − t̄), since the second factors add up to 0.
  private func products(with planes: Planes, y: Int, width: Int, into row: UnsafeMutablePointer<Float>) {
    row.initialize(repeating: 0, count: width)
    planes.values.withUnsafeBufferPointer { planeValues in
      for templateY in 0..<shape.height {
        for channel in 0..<shape.channels {
          for templateX in 0..<shape.width {
            let value = values[(templateY * shape.width + templateX) * shape.channels + channel]
            let first = (channel * planes.height + y + templateY) * planes.width + templateX
            let pixels = planeValues.baseAddress! + first
            // Safe: a window lies inside the picture, and `row` has `width` windows.
            for x in 0..<width { row[x] += value * pixels[x] }
          }
        }
      }
    }
  }
}

/// A picture's channels one after another, [C, H, W], each less its mean: small numbers lose less in sums.
private struct Planes {
  let width: Int
  let height: Int
  let values: [Float]

  init(_ picture: Image) {
    width = picture.width
    height = picture.height
    var values: [Float] = []
    values.reserveCapacity(picture.pixels.count)
    for channel in 0..<picture.channels {
      let places = stride(from: channel, to: picture.pixels.count, by: picture.channels)
      let total = places.reduce(0) { $0 + Int(picture.pixels[$1]) }
      let mean = Float(total) / Float(width * height)
      for place in places { values.append(Float(picture.pixels[place]) - mean) }
    }
    self.values = values
  }
}

/// Σ (p − p̄)² of any window, from running sums of pixels and of their squares, all in integers.
private struct WindowEnergies {
  private let stride: Int
  private let channels: Int
  /// [C, H + 1, W + 1]: of all pixels above and to the left.
  private var sums: [Int]
  private var squares: [Int]

  init(_ picture: Image) {
    stride = picture.width + 1
    channels = picture.channels
    let plane = stride * (picture.height + 1)
    sums = [Int](repeating: 0, count: channels * plane)
    squares = sums
    for channel in 0..<channels {
      for y in 0..<picture.height {
        var (sum, square) = (0, 0)
        for x in 0..<picture.width {
          let pixel = Int(picture.pixels[(y * picture.width + x) * channels + channel])
          sum += pixel
          square += pixel * pixel
          let place = channel * plane + (y + 1) * stride + x + 1
          sums[place] = sums[place - stride] + sum
          squares[place] = squares[place - stride] + square
        }
      }
    }
  }

  func energy(x: Int, y: Int, width: Int, height: Int) -> Double {
    let plane = sums.count / channels
    let count = width * height
    return (0..<channels).reduce(0) { energy, channel in
      let first = channel * plane + y * stride + x
      let corners = (first, first + width, first + height * stride, first + height * stride + width)
      let sum = sums[corners.3] - sums[corners.2] - sums[corners.1] + sums[corners.0]
      let square = squares[corners.3] - squares[corners.2] - squares[corners.1] + squares[corners.0]
      // Σ p² − (Σ p)²/n, exactly: what is flat has an energy of 0, not of some rounding errors.
      let scaled = Int128(square) * Int128(count) - Int128(sum) * Int128(sum)
      return energy + Double(scaled) / Double(count)
    }
  }
}

/// How well a template fits, for each place of its top left corner in a picture.
public struct CorrelationMap: Sendable {
  /// The template's.
  public let template: ImageShape
  public let width: Int
  public let height: Int
  /// −1 to 1, row by row.
  public let values: [Float]

  public struct Place: Equatable, Sendable {
    public let x: Int
    public let y: Int
    public let correlation: Float
  }

  /// The `count` best places, the best first. No two of them are nearer than half the template in both directions.
  public func best(_ count: Int) -> [Place] {
    var isFree = [Bool](repeating: true, count: values.count)
    var places: [Place] = []
    while places.count < count {
      var best: Int?
      for index in values.indices where isFree[index] && best.map({ values[index] > values[$0] }) ?? true {
        best = index
      }
      guard let best else { break }
      let (x, y) = (best % width, best / width)
      places.append(Place(x: x, y: y, correlation: values[best]))
      let (nearX, nearY) = ((template.width + 1) / 2, (template.height + 1) / 2)
      for row in max(0, y - nearY + 1)..<min(height, y + nearY) {
        for column in max(0, x - nearX + 1)..<min(width, x + nearX) { isFree[row * width + column] = false }
      }
    }
    return places
  }
}
