import Format

/// Images of a data set in pairs, side by side, each pair with a sentence: "a sneaker next to a bag". Every image is the left
/// one once, and the right one once.
struct Captions {
  let images: Examples
  /// The texts are empty: the images stand for them.
  let pairs: [SequenceTexts.Pair]

  init(_ examples: Examples, _ labels: [String]) {
    let shape = examples.shape
    var stream = RandomStream(seed: 0, .sequenceExamples, number: 3)
    let partners = stream.permutation(of: examples.count)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(2 * examples.pixels.count)
    var pairs: [SequenceTexts.Pair] = []
    let row = shape.width * shape.channels
    for (left, right) in partners.enumerated() {
      for y in 0..<shape.height {
        for image in [left, right] {
          let start = image * shape.count + y * row
          pixels += examples.pixels[start..<(start + row)]
        }
      }
      let (first, second) = (examples.classes[left], examples.classes[right])
      pairs.append(("", "\(Captions.noun(labels[Int(first)])) next to \(Captions.noun(labels[Int(second)]))"))
    }
    images = Examples(
      shape: ImageShape(height: shape.height, width: 2 * shape.width, channels: shape.channels), pixels: pixels,
      classes: [Int32](repeating: 0, count: examples.count))
    self.pairs = pairs
  }

  /// A class's name in a sentence: "an ankle boot".
  static func noun(_ label: String) -> String {
    switch label {
    case "T-shirt/top": return "a top"
    case "Trouser": return "a pair of trousers"
    default:
      let word = label.lowercased()
      return ("aeiou".contains(word.first ?? "x") ? "an " : "a ") + word
    }
  }
}
