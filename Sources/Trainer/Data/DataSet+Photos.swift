import Format
import Foundation
import Vision

extension DataSet {
  /// The share of a class's photos that is kept for testing where the folder does not say itself.
  public static let photoTestShare = 0.2

  /// Reads a folder of photos: one folder per class, or the same twice in `train` and `test`. Classes are in the
  /// alphabetical order of their folders, and so are the files in a class.
  ///
  /// Without a `test` folder every class gives a fifth of its photos (at least one), drawn by `splitSeed`.
  /// A photo that cannot be decoded is left out and listed in `skipped`.
  ///
  /// - Parameter geometry: the size, channels and fit that photos are brought to; mean and deviation play no part.
  init(photos folder: String, name: String, geometry: Preprocessing, splitSeed: UInt64) throws(DataError) {
    var skipped: [SkippedFile] = []
    let trainFolder = folder + "/train"
    let testFolder = folder + "/test"
    if DataSet.isFolder(trainFolder) && DataSet.isFolder(testFolder) {
      let labels = try DataSet.classFolders(trainFolder)
      if let other = try DataSet.folders(in: testFolder).first(where: { !labels.contains($0) }) {
        throw .unknownClass(folder: testFolder, label: other)
      }
      let train = try DataSet.readClasses(trainFolder, labels, geometry, atLeast: 1, &skipped)
      let test = try DataSet.readClasses(testFolder, labels, geometry, atLeast: 1, &skipped)
      self.init(
        name: name, labels: labels, train: DataSet.joined(train, geometry), test: DataSet.joined(test, geometry),
        skipped: skipped)
      return
    }
    let labels = try DataSet.classFolders(folder)
    let classes = try DataSet.readClasses(folder, labels, geometry, atLeast: 2, &skipped)
    var train: [[Image]] = []
    var test: [[Image]] = []
    for (index, images) in classes.enumerated() {
      var stream = RandomStream(seed: splitSeed, .photoSplit, number: index)
      let order = stream.permutation(of: images.count)
      let testCount = max(1, Int(Double(images.count) * DataSet.photoTestShare))
      let inTest = Set(order.prefix(testCount))
      test.append(images.indices.filter { inTest.contains($0) }.map { images[$0] })
      train.append(images.indices.filter { !inTest.contains($0) }.map { images[$0] })
    }
    self.init(
      name: name, labels: labels, train: DataSet.joined(train, geometry), test: DataSet.joined(test, geometry),
      skipped: skipped)
  }

  /// Whether `folder` looks like a folder of photos at all.
  static func hasPhotoLayout(_ folder: String) -> Bool {
    guard let folders = try? folders(in: folder) else { return false }
    return !folders.isEmpty
  }

  /// The images of each class, in the order of `labels`.
  private static func readClasses(
    _ folder: String, _ labels: [String], _ geometry: Preprocessing, atLeast minimum: Int,
    _ skipped: inout [SkippedFile]
  ) throws(DataError) -> [[Image]] {
    var classes: [[Image]] = []
    for label in labels {
      let classFolder = folder + "/" + label
      let before = skipped.count
      var images: [Image] = []
      for file in try entries(classFolder) where isImageName(file) {
        let path = classFolder + "/" + file
        do {
          images.append(geometry.fitted(try Image(path: path, for: geometry)))
        } catch {
          skipped.append(SkippedFile(path: path, reason: error.description))
        }
      }
      guard images.count >= minimum else {
        throw .tooFewImages(
          folder: classFolder, expected: minimum, found: images.count, skipped: skipped.count - before)
      }
      classes.append(images)
    }
    return classes
  }

  private static func joined(_ classes: [[Image]], _ geometry: Preprocessing) -> Examples {
    var examples = Examples(
      shape: ImageShape(height: geometry.height, width: geometry.width, channels: geometry.channels))
    for (label, images) in classes.enumerated() {
      for image in images { examples.append(pixels: image.pixels, class: Int32(label)) }
    }
    return examples
  }

  private static func classFolders(_ folder: String) throws(DataError) -> [String] {
    let labels = try folders(in: folder)
    guard labels.count >= 2 else { throw .tooFewClasses(folder: folder, found: labels.count) }
    return labels
  }

  private static func folders(in folder: String) throws(DataError) -> [String] {
    try entries(folder).filter { isFolder(folder + "/" + $0) }
  }

  /// The visible entries of a folder, sorted by the bytes of their names.
  private static func entries(_ folder: String) throws(DataError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { !$0.hasPrefix(".") }
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    } catch {
      let reason = (error as NSError).userInfo[NSUnderlyingErrorKey].map { "\($0)" }
      throw .cannotRead(path: folder, reason: reason ?? "\(error)")
    }
  }

  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// Names of files that the decoder is asked to read.
  private static func isImageName(_ name: String) -> Bool {
    let lower = name.lowercased()
    return [".jpg", ".jpeg", ".ppm", ".pgm"].contains { lower.hasSuffix($0) }
  }
}
