import Foundation
import Testing
import Vision

/// From a folder of JPEGs to an answer about a new one.
@Suite struct PhotoFolderTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws {
    folder = try TemporaryFolder()
    for (index, label) in ["blue", "green", "red"].enumerated() {
      for photo in 0..<20 { try writePhoto("photos/\(label)/\(photo).jpg", brightest: 2 - index, seed: photo) }
    }
    try folder.write("not a photo at all", to: "photos/green/broken.jpg")
    try folder.write(
      """
      input 8x8x3
      conv 3x3x4 pad same relu
      globalavgpool
      dense 3
      softmax
      train
        epochs 30
        batch 8
        optimizer adam
        rate 0.02

      """, to: "colours.net")
  }

  /// A 40×30 picture of noise in which one channel is stronger.
  func writePhoto(_ name: String, brightest: Int, seed: Int) throws {
    var state = UInt32(truncatingIfNeeded: 977 &* seed &+ brightest &+ 1)
    let pixels = (0..<(40 * 30 * 3)).map { index in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(state >> 25) + (index % 3 == brightest ? 100 : 40)
    }
    try folder.write(Image(width: 40, height: 30, channels: 3, pixels: pixels).jpeg(quality: 85), to: name)
  }

  @Test func photosBecomeAClassifier() throws {
    let trained = try edgetrain.run(["train", "colours.net", "--data", "photos", "-o", "colours.bin"], in: folder)
    #expect(trained.status == 0, "\(trained.errors)")
    // The broken one is named and counted.
    #expect(trained.errors.contains("skipped ") && trained.errors.contains("photos/green/broken.jpg"))
    #expect(trained.errors.contains("photos: 1 of 61 files skipped"))
    #expect(trained.errors.contains("photos: 48 images 8x8x3 of 3 classes"))

    let evaluated = try edgetrain.run(["evaluate", "colours.bin", "--data", "photos", "--json"], in: folder)
    let json = try #require(try JSONSerialization.jsonObject(with: Data(evaluated.output.utf8)) as? [String: Any])
    #expect(json["images"] as? Int == 12)
    #expect(json["accuracy"] as? Double == 1)

    // Never seen before.
    for (index, label) in ["blue", "green", "red"].enumerated() {
      try writePhoto("new.jpg", brightest: 2 - index, seed: 500)
      let answer = try Program(name: "edgerun").run(["colours.bin", "new.jpg", "--top", "1"], in: folder)
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(answer.output.contains(label))
    }
  }
}
