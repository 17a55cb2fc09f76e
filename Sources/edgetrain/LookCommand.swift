import Format
import Terminal
import Trainer
import Vision

enum LookCommand {
  static let command = Command(
    name: "edgetrain look",
    summary:
      "Shows what is inside a float model: filters, feature maps, what activates units and which pixels do, where\n"
      + "templates fit, the loss landscape, weights; of sequences states, what answers depend on, embeddings.",
    operands: [Operand("MODEL")],
    options: [
      CommonOptions.dataOrSequences,
      Option("output", letter: "o", value: "HTML", help: "the page to write (default: look.html)"),
      Option("image", value: "N", help: "the test image, or text, that the network is looked at with (default 0)"),
      Option("images", value: "N", help: "test images that are searched for what activates units (default 1000)"),
      Option(
        "layer", value: "NAME",
        help: "the layer of those units (default: the last one that is a picture; of texts all recurrent ones)"),
      Option("units", value: "N", help: "how many units of a layer, and of the first layer's filters (default 12)"),
      Option("patches", value: "N", help: "parts of test images that are shown for each unit (default 8)"),
      Option(
        "picture", value: "FILE",
        help: "a large picture that templates are searched in (default: a sheet of test images)"),
      Option(
        "template", value: "FILE", help: "a cut-out to search for there (default, on the sheet: test image --image)"),
      Option("landscape", value: "N", help: "points along a side of the loss landscape; 0 for none (default 21)"),
      Option("loss-images", value: "N", help: "training images whose mean loss that is (default 256)"),
      Option("seed", value: "N", help: "draws the landscape's two directions (default 1)"),
      CommonOptions.threads,
    ] + CommonOptions.reading,
    examples: [
      "edgetrain look lenet5.bin --data fashion-mnist",
      "edgetrain look lenet5.bin --data fashion-mnist --image 7 --layer maxpool1 --units 6 -o maxpool1.html",
      "edgetrain look photos.bin --data photos --picture crowd.jpg --template waldo.jpg",
      "edgetrain look characters.bin --data text:licences.txt --units 5",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let name = try command.required("data", of: arguments)
    if let source = SequenceSource(name) {
      return try SequenceLook.run(source, name: name, arguments, command: command)
    }
    let source = try DataSource(name)
    let page = try OutputFile(path: arguments.string("output") ?? "look.html")
    let units = try arguments.integer("units", in: 0...1024) ?? 12
    let searched = try arguments.integer("images", in: 1...Int.max) ?? 1000
    let patches = try arguments.integer("patches", in: 1...256) ?? 8
    let side = try arguments.integer("landscape", in: 0...1001) ?? 21
    guard side == 0 || (side >= 3 && !side.isMultiple(of: 2)) else {
      throw UsageError(
        "--landscape", expected: "0, or an odd number of at least 3: the trained network is the middle",
        found: "\(side)", command: command.name)
    }
    let lossImages = try arguments.integer("loss-images", in: 1...Int.max) ?? 256
    let seed = UInt64(try arguments.integer("seed", in: 0...Int.max) ?? 1)
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange) ?? availableThreads()
    let pictures = try TemplatePictures(arguments)
    let file = try ModelFile(
      path: arguments.operands[0], data: source,
      options: CommonOptions.dataOptions(arguments, for: name, command: command))
    noteSkipped(file.data)
    guard !file.data.test.holdsNumbers else { throw Problem("--data: expected images, found rows of numbers") }
    let image = try arguments.integer("image", in: 0...Int.max) ?? 0
    guard image < file.data.test.count else {
      throw UsageError(
        "--image", expected: "0 to \(file.data.test.count - 1), a test image of \(file.data.name)", found: "\(image)",
        command: command.name)
    }
    let inspector = try Inspector(file)
    let layer = try inspector.layer(named: arguments.string("layer"))
    let filters = inspector.filters
    let search = try pictures.search(file.data, image: image, filters: filters, count: units)
    let landscape =
      side == 0
      ? nil : try inspector.landscape(side: side, images: lossImages, seed: seed, threads: threads)
    let maps = inspector.maps(ofImage: image)
    let report = LookReport(
      title: "Inside \(file.model.metadata.name)", summary: "\(file.path), test images of \(file.data.name).",
      filters: filters, image: file.data.test.image(image),
      imageCaption: "\(file.data.labels[Int(file.data.test.classes[image])]); \(maps.answer)", maps: maps.layers,
      states: maps.states, unitLayer: layer?.name ?? "",
      units: layer.map { inspector.units($0, count: units, images: searched, patches: patches) } ?? [],
      search: search,
      landscape: landscape.map {
        ($0, "Mean over \(min(lossImages, file.data.train.count)) training images; directions of seed \(seed).")
      },
      weights: inspector.graph.layerWeights)
    try page.write(report.html())
    write("\(page.path): layers \(maps.layers.count), units \(report.units.count), ")
    write("templates \(search.filters.count + (search.cutOut == nil ? 0 : 1)), histograms \(report.weights.count)\n")
    if let best = search.cutOut?.map.best(1).first {
      write("template: correlation \(fixed(Double(best.correlation), decimals: 3)) at \(best.x), \(best.y)\n")
    }
    if let landscape { write("loss of the trained network: \(fixed(landscape.centre, decimals: 4))\n") }
  }
}
