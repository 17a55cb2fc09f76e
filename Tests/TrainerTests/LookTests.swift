import Format
import Foundation
import Quantize
import Testing
import Vision

@testable import Trainer

@Suite struct LookTests {
  /// What an element sees, found the slow way: by changing pixels and looking whether it moves.
  @Test func receptiveFieldsAreWhatMovesTheElement() throws {
    let shape = ImageShape(height: 17, width: 15, channels: 1)
    let description = NetworkDescription(name: "net", input: shape) {
      LayerDescription(
        .convolution(ConvolutionDescription(kernel: Extent(height: 3, width: 5), outputs: 2, padding: .same)),
        name: "first")
      LayerDescription(
        .convolution(ConvolutionDescription(kernel: Extent(3), outputs: 2, dilation: Extent(2), padding: .same)),
        name: "dilated")
      LayerDescription(.add(activation: nil), inputs: ["dilated", "first"])
      LayerDescription(.averagePool(PoolDescription(window: Extent(3), stride: Extent(2))))
      LayerDescription(.depthwise(ConvolutionDescription(kernel: Extent(2), outputs: 1, stride: Extent(2))))
      LayerDescription(.flatten)
      LayerDescription(.dense(DenseDescription(outputs: 3)))
      LayerDescription(.softmax)
    }
    let network = try Network(description, backend: NaiveBackend(), batch: 1, seed: 5)
    var graph = try network.exportGraph()
    let fields = graph.receptiveFields
    let pictures = graph.nodes.filter { graph.tensors[$0.outputs[0]].shape.count == 4 }
    #expect(pictures.count == 5)
    #expect(fields[graph.nodes[graph.nodes.count - 1].outputs[0]] == nil)
    let interpreted = pictures.map { $0.outputs[0] }
    graph.outputs = interpreted
    func outputs(_ input: [Float]) throws -> [[Float]] {
      try ReferenceInterpreter(graph).run([.f32(input)]).map { $0.constant.elements(as: Float.self) }
    }
    var noise = Noise(seed: 31)
    let base = (0..<shape.count).map { _ in Float(noise.next()) }
    let before = try outputs(base)
    for row in 0..<shape.height {
      for column in 0..<shape.width {
        var changed = base
        changed[row * shape.width + column] += 3
        let after = try outputs(changed)
        for (place, tensor) in interpreted.enumerated() {
          let size = graph.tensors[tensor].shape
          let field = try #require(fields[tensor])
          for index in 0..<(size[1] * size[2]) {
            let seen = field.region(
              y: index / size[2], x: index % size[2], height: shape.height, width: shape.width)
            let isInside =
              (seen.y..<(seen.y + seen.height)).contains(row) && (seen.x..<(seen.x + seen.width)).contains(column)
            let moves = before[place][index * size[3]] != after[place][index * size[3]]
            // A dilated window sees through holes: inside, an element need not move.
            #expect(isInside || !moves, "\(graph.tensors[tensor].name) \(index): (\(row), \(column))")
            let isCorner =
              (row == seen.y || row == seen.y + seen.height - 1)
              && (column == seen.x || column == seen.x + seen.width - 1)
            let isWhole = seen.height == field.rows.size && seen.width == field.columns.size
            #expect(
              !isCorner || !isWhole || moves, "\(graph.tensors[tensor].name) \(index): corner (\(row), \(column))")
          }
        }
      }
    }
  }

  @Test func filtersAreGreyAtZeroAndReachWhiteOrBlack() {
    let filters = LookReport.Filters(
      layer: "conv1", shape: ImageShape(height: 1, width: 3, channels: 1), weights: [0, 0.5, 1, 0, -2, 1, 0, 0, 0])
    let images = filters.images.map { $0.pixels }
    #expect(images == [[127, 191, 255], [127, 0, 191], [127, 127, 127]])
  }

  @Test func mapsOfALayerShareOneScale() {
    let shape = ImageShape(height: 1, width: 2, channels: 2)
    let positive = LookReport.FeatureMaps(layer: "relu", shape: shape, values: [0, 4, 1, 2])
    #expect(positive.images.map { $0.pixels } == [[0, 63], [255, 127]])
    let signed = LookReport.FeatureMaps(layer: "linear", shape: shape, values: [0, -4, 2, .nan])
    #expect(signed.images.map { $0.pixels } == [[127, 191], [0, 0]])
  }

  @Test func pageIsWellFormed() throws {
    let image = Image(width: 4, height: 4, channels: 3, pixels: [UInt8](repeating: 90, count: 48))
    let shape = ImageShape(height: 4, width: 4, channels: 40)
    for filters in [
      nil,
      LookReport.Filters(
        layer: "a<b", shape: ImageShape(height: 2, width: 2, channels: 3), weights: [Float](repeating: 1, count: 24)),
    ] {
      let report = LookReport(
        title: "Inside <net>", summary: "Summary.", filters: filters, image: image, imageCaption: "cat & dog",
        maps: [.init(layer: "conv1", shape: shape, values: [Float](repeating: 0, count: shape.count))],
        states: [], unitLayer: "conv1",
        units: [
          .init(
            channel: 0,
            patches: [
              .init(image: image, projection: [Float](repeating: -1, count: 48), label: "cat", activation: 2.5)
            ]), .init(channel: 1, patches: []),
        ],
        search: filters.map { filters in
          let map = Template(shape: filters.shape, values: [0, 1, 2, 3, 4, 5, 9, 8, 7, 6, 5, 4]).correlation(
            with: image)!
          let match = TemplateSearch.Match(name: "<x>", image: filters.image(0), map: map)
          return TemplateSearch(picture: image, caption: "A & B.", cutOut: match, filters: [match])
        },
        landscape: filters.map { _ in
          (LossLandscape(side: 3, losses: [9, 8, 0.1, 6, 5, .infinity, 3, .nan, 1]), "Seed <1>.")
        },
        weights: [.init(layer: "conv1", values: [-1, 0, 0.5, 1]), .init(layer: "none", values: [])])
      let html = try report.html()
      let page = try ParsedXML(String(html.dropFirst("<!DOCTYPE html>\n".count)))
      // A patch has two pictures; a search shows the template and its best places.
      let found = filters == nil ? 0 : 1 + TemplateSearch.markedPlaces
      #expect(page.elements["img"] == 1 + LookReport.mostMaps + 2 + (filters == nil ? 0 : 2) + found)
      #expect(page.elements["image", default: 0] == (filters == nil ? 0 : 4))
      #expect(page.text.contains("unit 1: nothing activates it"))
      #expect(page.text.contains("conv1: 4 weights, deviation 0.740"))
    }
  }

  /// Of detections that overlap the strongest stays, several may come from one picture, and the strongest of all are kept.
  @Test func strongestPatchesDoNotOverlap() {
    let picture = ImageShape(height: 8, width: 8, channels: 1)
    // Each element of the 4 × 4 layer sees 4 × 4 pixels, two apart: neighbours have a third in common, diagonal ones a
    // seventh.
    let side = ReceptiveField.Side(stride: 2, start: -1, size: 4)
    let field = ReceptiveField(rows: side, columns: side)
    var search = PatchSearch(
      layer: ImageShape(height: 4, width: 4, channels: 2), field: field, picture: picture, units: 5, count: 3)
    #expect(search.peaks.count == 2)
    func add(_ image: Int, _ values: [Float]) {
      let layer: [Float] = values.flatMap { [$0, -1 as Float] }
      layer.withUnsafeBufferPointer { search.add(image: image, $0) }
    }
    add(7, [0, 0, 0, 0, 0, 9, 8, 0, 0, 0, 5, 0, 0, 0, 0, 0])
    // 8 stands beside 9; 5 stands across from it.
    #expect(search.peaks[0].map { $0.activation } == [9, 5])
    #expect(search.peaks[0].map { [$0.image, $0.y, $0.x] } == [[7, 1, 1], [7, 2, 2]])
    #expect(search.peaks[0][1].region == Region(x: 3, y: 3, width: 4, height: 4))
    add(8, [6, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0])
    #expect(search.peaks[0].map { [$0.image, $0.y, $0.x] } == [[7, 1, 1], [8, 0, 0], [8, 0, 3]])
    #expect(search.peaks[0][1].region == Region(x: 0, y: 0, width: 3, height: 3))
    add(9, [Float](repeating: 6, count: 16))
    #expect(search.peaks[0].map { $0.image } == [7, 8, 8])
    #expect(search.peaks[1].isEmpty)
  }
}
