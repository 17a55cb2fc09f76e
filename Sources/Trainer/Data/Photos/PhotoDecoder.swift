import Dispatch
import Format
import Vision

/// The files of a photo folder as a network takes them, in the files' order.
struct DecodedPhotos: Equatable {
  /// Why a file was left out; nil for the others.
  var reasons: [String?]
  /// Of the files that were not left out, one behind the other.
  var pixels: [UInt8]

  init(reasons: [String?], pixels: [UInt8]) {
    self.reasons = reasons
    self.pixels = pixels
  }

  /// Decodes all files and brings them to the recipe's size and channels, on as many threads as the CPU has.
  init(_ folder: PhotoFolder, geometry: Preprocessing) {
    var results = [Result<[UInt8], VisionError>?](repeating: nil, count: folder.files.count)
    results.withUnsafeMutableBufferPointer { results in
      // Safe: each iteration writes its own element.
      nonisolated(unsafe) let results = results
      DispatchQueue.concurrentPerform(iterations: results.count) { index in
        results[index] = Result { () throws(VisionError) in
          geometry.fitted(try Image(path: folder.path + "/" + folder.files[index].name, for: geometry)).pixels
        }
      }
    }
    reasons = []
    pixels = []
    pixels.reserveCapacity(results.count * geometry.inputCount)
    for result in results {
      switch result! {
      case .success(let image):
        pixels += image
        reasons.append(nil)
      case .failure(let error): reasons.append(error.description)
      }
    }
  }
}
