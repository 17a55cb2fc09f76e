import Foundation
import Terminal
import Vision

@testable import Trainer

/// One of each drawing, with what is awkward about it: what the tests check, and what a person looks at after
/// `PLOT_GALLERY=/tmp/gallery swift test --filter 'PlotPage|Demo'`.
enum PlotGallery {
  static let hostile = "<b>\"R&D\" 'x' \u{1} ü 靴</b>"

  static var lossCurve: Drawing {
    var noise = Noise(seed: 7)
    let steps = (0..<6000).map { step in
      Point(x: Double(step), y: 2.3 * exp(-Double(step) / 900) + 0.28 + 0.25 * noise.next())
    }
    let validation = (1...12).map { Point(x: Double($0) * 500, y: 2.1 * exp(-Double($0) * 500 / 900) + 0.34) }
    return LineChart(
      title: "Loss", x: Axis("step", values: [0, 6000], isTight: true),
      y: Axis("mean cross-entropy", values: steps.map { $0.y }, including: [0]),
      series: [
        .init(name: "training", points: steps), .init(name: "validation", points: validation, hasDots: true),
      ],
      marks: [.init(x: 5500, label: "best: epoch 11")]
    ).drawing()
  }

  static var rateCurve: Drawing {
    let points = (0..<100).map { index in
      let rate = pow(10, -6 + 7 * Double(index) / 99)
      return Point(x: rate, y: index > 92 ? .nan : 2.3 / (1 + rate * 300) + rate * rate * 20)
    }
    return LineChart(
      title: "Loss against learning rate",
      x: Axis("learning rate", scale: .logarithmic, values: points.map { $0.x }),
      y: Axis("loss", scale: .logarithmic, values: points.map { $0.y }),
      series: [.init(name: "smoothed", points: points)], marks: [.init(x: 0.01, label: "suggestion: 0.01")]
    ).drawing()
  }

  static var manySeries: Drawing {
    let series = (0..<6).map { index in
      LineChart.Series(
        name: index == 5 ? hostile : "rate \(shortNumber(0.1 / Double(index + 1)))",
        points: (0...40).map {
          Point(x: Double($0), y: exp(-Double($0) * 0.02 * Double(index + 1)) - 0.1 * Double(index))
        },
        isDashed: index.isMultiple(of: 2))
    }
    return LineChart(
      title: "Six series", x: Axis("epoch", values: [0, 40], isTight: true),
      y: Axis("loss", values: series.flatMap { $0.points.map { $0.y } }), series: series
    ).drawing()
  }

  static var circles: Drawing {
    let square = -1.5...1.5
    let values = Field.points(columns: 81, rows: 81, x: square, y: square).map { point in
      1 / (1 + exp(6 * (point.x * point.x + point.y * point.y - 0.6)))
    }
    var noise = Noise(seed: 3)
    let samples = (0..<120).map { index in
      let radius = (index.isMultiple(of: 2) ? 0.45 : 1.1) + 0.2 * noise.next()
      let angle = Double(index) * 2.399
      let isInside = radius * radius < 0.6
      return DecisionPlot.Sample(
        place: Point(x: radius * cos(angle), y: radius * sin(angle)), label: index.isMultiple(of: 2) ? 1 : 0,
        isRight: isInside == index.isMultiple(of: 2))
    }
    return DecisionPlot(
      title: "Circles, hidden layer", note: "accuracy 97.5 %",
      field: Field(columns: 81, rows: 81, x: square, y: square, values: values), samples: samples
    ).drawing()
  }

  static var xor: Drawing {
    let square = -0.5...1.5
    let values = Field.points(columns: 41, rows: 41, x: square, y: square).map {
      1 / (1 + exp(-2 * ($0.x + $0.y - 0.7)))
    }
    let samples = [(0.0, 0.0, 0), (0.0, 1.0, 1), (1.0, 0.0, 1), (1.0, 1.0, 0)].map {
      DecisionPlot.Sample(place: Point(x: $0.0, y: $0.1), label: $0.2, isRight: ($0.0 + $0.1 > 0.7) == ($0.2 == 1))
    }
    return DecisionPlot(
      title: "XOR, one neuron", note: "accuracy 75 %",
      field: Field(columns: 41, rows: 41, x: square, y: square, values: values), samples: samples
    ).drawing()
  }

  static var landscape: Drawing {
    let (x, y) = (-2.0...2.0, -1.0...3.0)
    let values = Field.points(columns: 101, rows: 101, x: x, y: y).map { point in
      pow(1 - point.x, 2) + 20 * pow(point.y - point.x * point.x, 2)
    }
    var path = [Point(x: -1.6, y: 2.6)]
    for _ in 0..<150 {
      let at = path[path.count - 1]
      let slope = at.y - at.x * at.x
      path.append(
        Point(x: at.x - 0.01 * (-2 * (1 - at.x) - 80 * at.x * slope), y: at.y - 0.01 * 40 * slope))
    }
    return ContourPlot(
      title: "A curved valley", field: Field(columns: 101, rows: 101, x: x, y: y, values: values), x: "w₁", y: "w₂",
      paths: [.init(name: "gradient descent, rate 0.01", points: path, color: 1)]
    ).drawing()
  }

  static var surface: Drawing {
    let side = -1.0...1.0
    let values = Field.points(columns: 21, rows: 21, x: side, y: side).map { point in
      point.x > 0.85 && point.y > 0.85 ? .nan : 0.2 + 4 * point.x * point.x + exp(2 * point.y) - 1 - 2 * point.y
    }
    return SurfacePlot(
      title: "A bowl with a missing corner", field: Field(columns: 21, rows: 21, x: side, y: side, values: values),
      x: "first", y: hostile, z: "loss", mark: (Point(x: 0, y: 0), "here: 0.2")
    ).drawing()
  }

  static var confusion: Drawing {
    let labels = ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", hostile]
    var noise = Noise(seed: 5)
    let counts = labels.indices.map { truth in
      labels.indices.map { $0 == truth ? 900 - truth * 20 : Int(max(0, 60 * noise.next())) }
    }
    return ConfusionMatrix(labels: labels, counts: counts).drawing()
  }

  static var bars: Drawing {
    BarChart(
      title: "Precision and recall", axis: "share", categories: ["T-shirt/top", "trouser", "shirt", hostile],
      series: [
        .init(name: "precision", values: [0.84, 0.99, 0.72, 0.95]),
        .init(name: "recall", values: [0.86, 0.98, 0.7, 0]),
      ], format: { percent($0) }
    ).drawing()
  }

  static var drawings: [(name: String, drawing: Drawing)] {
    [
      ("loss", lossCurve), ("rate", rateCurve), ("series", manySeries), ("circles", circles), ("xor", xor),
      ("landscape", landscape), ("surface", surface), ("confusion", confusion), ("bars", bars),
    ]
  }

  static func page() throws -> Page {
    var page = Page(title: "Gallery of \(hostile)", summary: "One of each drawing.")
    page.figures([("93.42 %", "accuracy"), ("96.4 K", "weights"), ("12 min 40 s", "time")])
    page.heading("Curves")
    page.drawings([lossCurve, rateCurve, manySeries], caption: "Means of many steps with their extremes as a band.")
    page.heading("Planes")
    page.drawings([circles, xor, landscape, surface])
    page.heading("Classes")
    page.drawings([confusion, bars])
    page.table(
      [.init(title: "class", isNumber: false), .init(title: "precision"), .init(title: "recall")],
      rows: [["T-shirt/top", "84.0 %", "86.0 %"], [hostile, "72.0 %", "70.1 %"]])
    page.heading("Pictures")
    try page.pictures(
      (0..<9).map { index in
        let pixels = (0..<784).map { UInt8(($0 % 28 * 9 + $0 / 28 * index) % 256) }
        return Page.Picture(
          image: Image(width: 28, height: 28, channels: 1, pixels: pixels), caption: "shirt, not coat",
          note: "99.\(index) % sure")
      })
    page.code("edgetrain train nets/lenet5.net --data fashion-mnist --run run/")
    return page
  }
}

extension PlotGallery {
  /// Writes the files into the folder that PLOT_GALLERY names, if it does.
  static func save(_ files: [(name: String, text: String)]) throws {
    guard let folder = ProcessInfo.processInfo.environment["PLOT_GALLERY"] else { return }
    for file in files {
      let place = URL(fileURLWithPath: folder).appendingPathComponent(file.name)
      try FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try file.text.write(to: place, atomically: true, encoding: .utf8)
    }
  }
}

/// SplitMix64 as numbers in −1...1.
struct Noise {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> Double {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Double((z ^ (z >> 31)) >> 11) / 0x1p52 - 1
  }
}
