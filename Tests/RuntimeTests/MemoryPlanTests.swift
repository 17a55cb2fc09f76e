import Format
import TestSupport
import Testing

@testable import Runtime

@Suite struct ArenaPlannerTests {
  @Test(arguments: 0..<200 as Range<UInt64>) func buffersAliveTogetherNeverOverlap(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let buffers = (0..<random.int(1...60)).map { _ in
      let first = random.int(-1...40)
      return ArenaPlanner.Buffer(size: random.int(1...5000), first: first, last: first + random.int(0...12))
    }
    let plan = ArenaPlanner(buffers)
    for (a, x) in buffers.enumerated() {
      #expect(plan.offsets[a] >= 0 && plan.offsets[a] % 64 == 0 && plan.offsets[a] + x.size <= plan.size)
      for (b, y) in buffers.enumerated() where b > a && x.first <= y.last && y.first <= x.last {
        #expect(
          plan.offsets[a] + x.size <= plan.offsets[b] || plan.offsets[b] + y.size <= plan.offsets[a],
          "buffers \(a) and \(b)")
      }
    }
    // No plan can do with less than what is alive at one time; this one may not waste much more than that.
    let least = (-1...60).map { step in
      buffers.filter { $0.first <= step && step <= $0.last }.reduce(0) { $0 + $1.size }
    }.max()!
    #expect(plan.size >= least && plan.size <= 2 * least + 64 * buffers.count)
  }

  @Test func aChainNeedsItsTwoLargestNeighbours() {
    let sizes = [640, 6400, 1280, 6400, 64]
    let plan = ArenaPlanner(sizes.enumerated().map { .init(size: $1, first: $0, last: $0 + 1) })
    #expect(plan.size == 6400 + 1280)
  }
}

/// Steps are run on tags instead of numbers: what a step reads must be what was written there last.
@Suite struct MemoryPlanTests {
  /// A random list of steps over values of few sizes, so that much can be shared.
  private struct Program {
    var sizes: [Int] = []
    var inputs: [ValueIndex] = []
    var outputs: [ValueIndex] = []
    var steps: [MemoryUse] = []
    /// Of values whose rows lie apart, in a concat's result: bytes of a row, and from one to the next.
    var apart: [ValueIndex: (width: Int, stride: Int)] = [:]
    /// Of concats' results.
    var rowCounts: [ValueIndex: Int] = [:]

    init(seed: UInt64) {
      var random = SeededGenerator(seed: seed)
      func value(_ size: Int, _ sizes: inout [Int]) -> ValueIndex {
        sizes.append(size)
        return sizes.count - 1
      }
      for _ in 0..<random.int(1...2) { inputs.append(value(64 * random.int(1...4), &sizes)) }
      var known = inputs
      var waiting: [MemoryUse] = []
      for _ in 0..<random.int(1...30) {
        // Recent values are likelier operands, as in networks.
        func operand() -> ValueIndex { known[max(random.int(0...known.count - 1), random.int(0...known.count - 1))] }
        let x = operand()
        var step = MemoryUse(reads: [x], writes: [])
        switch random.int(0...8) {
        case 8:
          // Values side by side, joined some steps later. Some are written there in the first place, and then nobody else reads them.
          let (rows, widths) = (random.int(1...4), (0..<random.int(2...3)).map { _ in 16 * random.int(1...3) })
          let stride = widths.reduce(0, +)
          var (offsets, position) = ([Int?](), 0)
          var parts: [ValueIndex] = []
          for width in widths {
            let part = value(rows * width, &sizes)
            steps.append(MemoryUse(reads: [operand()], writes: [part]))
            let isThere = random.bool()
            if isThere { apart[part] = (width, stride) } else { known.append(part) }
            offsets.append(isThere ? position : nil)
            parts.append(part)
            position += width
          }
          let result = value(rows * stride, &sizes)
          rowCounts[result] = rows
          waiting.append(MemoryUse(reads: parts, writes: [result], sharing: .interleave(offsets)))
          if random.bool() { continue }
          step = waiting.remove(at: random.int(0...waiting.count - 1))
        case 7:
          let start = 16 * random.int(0...(sizes[x] / 16 - 1))
          step.writes = [value(sizes[x] - start, &sizes)]
          step.sharing = .part(offset: start)
        case 0:
          step.writes = [value(sizes[x], &sizes)]
          step.sharing = .view
        case 1, 2:
          let same = known.filter { sizes[$0] == sizes[x] }
          step.reads.append(random.pick(same))
          step.writes = [value(sizes[x], &sizes)]
          step.sharing = .inPlace
        case 3:
          for _ in 0..<random.int(0...1) { step.reads.append(operand()) }
          step.reads.append(operand())
          step.writes = [value(sizes[step.reads.last!], &sizes)]
          step.scratch = [value(random.int(1...300), &sizes)]
          step.sharing = .inPlaceOfLast
        case 4:
          for _ in 0..<random.int(1...3) { step.reads.append(operand()) }
          step.writes = [value(step.reads.reduce(0) { $0 + sizes[$1] }, &sizes)]
          step.sharing = .join
        default:
          step.writes = (0..<random.int(1...2)).map { _ in value(64 * random.int(1...5), &sizes) }
          step.scratch = (0..<random.int(0...2)).map { _ in value(random.int(1...300), &sizes) }
        }
        steps.append(step)
        known += step.writes
      }
      for step in waiting {
        steps.append(step)
        known += step.writes
      }
      // The last value, and sometimes another.
      outputs = [known.last!]
      if random.bool(), let other = known.last(where: { !inputs.contains($0) && !outputs.contains($0) }) {
        outputs.append(other)
      }
    }
  }

  @Test(arguments: 0..<400 as Range<UInt64>) func whatIsReadIsWhatWasWritten(seed: UInt64) throws {
    let program = Program(seed: seed)
    let plan = MemoryPlan(
      sizes: program.sizes, inputs: program.inputs, outputs: program.outputs, steps: program.steps)
    var memory = [Int](repeating: -1, count: plan.arenaBytes)
    // What the bytes of each value have to be: numbers that no other value's bytes have.
    var contents: [[Int]] = program.sizes.enumerated().map { value, size in (0..<size).map { value * 10_000 + $0 } }
    func places(_ value: ValueIndex) throws -> [Int] {
      let offset = try #require(plan.offsets[value])
      let (width, stride) = program.apart[value] ?? (1, 1)
      return (0..<program.sizes[value]).map { offset + $0 / width * stride + $0 % width }
    }
    func write(_ value: ValueIndex) throws {
      for (place, content) in zip(try places(value), contents[value]) { memory[place] = content }
    }
    func check(_ value: ValueIndex, _ what: String) throws {
      #expect(try places(value).map { memory[$0] } == contents[value], "\(what) \(value)")
    }

    for input in program.inputs { try write(input) }
    for (index, step) in program.steps.enumerated() {
      for read in step.reads { try check(read, "step \(index) reads") }
      // Scratch is written before the operands have been read.
      for scratch in step.scratch { try write(scratch) }
      switch step.sharing {
      case .view: contents[step.writes[0]] = contents[step.reads[0]]
      case .part(let start): contents[step.writes[0]] = Array(contents[step.reads[0]][start...])
      case .interleave(let offsets):
        let result = step.writes[0]
        let (rows, places) = (program.rowCounts[result]!, try places(result))
        var target = 0
        for row in 0..<rows {
          for (read, offset) in zip(step.reads, offsets) {
            let width = program.sizes[read] / rows
            for byte in contents[read][(row * width)..<((row + 1) * width)] {
              contents[result][target] = byte
              if offset == nil { memory[places[target]] = byte }
              target += 1
            }
          }
        }
        for (read, offset) in zip(step.reads, offsets) where offset == nil {
          try check(read, "step \(index), while rows of others are written, reads")
        }
      case .join:
        let result = step.writes[0]
        contents[result] = step.reads.flatMap { contents[$0] }
        // Operand by operand, as the step does it: copying one must not spoil the next.
        var position = try places(result)[0]
        for read in step.reads {
          if try places(read)[0] != position {
            try check(read, "step \(index) copies")
            memory.replaceSubrange(position..<(position + program.sizes[read]), with: contents[read])
          }
          position += program.sizes[read]
        }
      case .none, .inPlace, .inPlaceOfLast:
        for value in step.writes {
          if step.sharing == .none {
            for read in step.reads { try check(read, "step \(index) still reads") }
          }
          if step.sharing == .inPlaceOfLast {
            for read in step.reads.dropLast() {
              #expect(Set(try places(read)).isDisjoint(with: try places(value)), "step \(index) still reads \(read)")
            }
          }
          try write(value)
        }
      }
      for value in step.writes { try check(value, "step \(index) has written") }
      for scratch in step.scratch { try check(scratch, "step \(index) keeps") }
    }
    for value in program.inputs + program.outputs { try check(value, "in the end") }
  }

  @Test func aResultTakesTheOperandsPlaceWhenNobodyNeedsItLater() {
    let inPlace = MemoryUse(reads: [1], writes: [2], sharing: .inPlace)
    let make = MemoryUse(reads: [0], writes: [1])
    let plan = MemoryPlan(sizes: [64, 640, 640], inputs: [0], outputs: [2], steps: [make, inPlace])
    #expect(plan.offsets[1] == plan.offsets[2] && plan.arenaBytes == 704)
    let kept = MemoryPlan(sizes: [64, 640, 640], inputs: [0], outputs: [1, 2], steps: [make, inPlace])
    #expect(kept.offsets[1] != kept.offsets[2] && kept.arenaBytes == 1344)
  }

  @Test func onlyTheLastOperandMakesRoomForASum() {
    let make = [MemoryUse(reads: [0], writes: [1]), MemoryUse(reads: [0], writes: [2])]
    let sum = MemoryUse(reads: [1, 2], writes: [3], sharing: .inPlaceOfLast)
    let plan = MemoryPlan(sizes: [64, 640, 640, 640], inputs: [0], outputs: [3], steps: make + [sum])
    #expect(plan.offsets[2] == plan.offsets[3] && plan.arenaBytes == 64 + 2 * 640)
    let own = MemoryUse(reads: [1, 1], writes: [3], sharing: .inPlaceOfLast)
    let kept = MemoryPlan(sizes: [64, 640, 640, 640], inputs: [0], outputs: [3], steps: [make[0], own])
    #expect(kept.offsets[1] != kept.offsets[3])
  }

  @Test func partsOfAJoinAreWrittenInPlace() {
    let steps = [
      MemoryUse(reads: [0], writes: [1]), MemoryUse(reads: [0], writes: [2]),
      MemoryUse(reads: [1, 2], writes: [3], sharing: .join),
    ]
    let plan = MemoryPlan(sizes: [64, 100, 28, 128], inputs: [0], outputs: [3], steps: steps)
    #expect(plan.offsets[1] == plan.offsets[3] && plan.offsets[2] == plan.offsets[3]! + 100)
    #expect(plan.arenaBytes == 192)
  }

  /// Rows of 20, 8 and 4 bytes: the second operand has a place of its own and is copied. The whole is there as soon as the first
  /// of its parts is, beside what lives until then.
  @Test func rowsOfPartsAreWrittenInPlace() {
    let steps = [
      MemoryUse(reads: [0], writes: [1]), MemoryUse(reads: [0], writes: [2]), MemoryUse(reads: [2], writes: [3]),
      MemoryUse(reads: [0], writes: [4]),
      MemoryUse(reads: [1, 3, 4], writes: [5], sharing: .interleave([0, nil, 28])),
    ]
    let plan = MemoryPlan(sizes: [64, 200, 80, 80, 40, 320], inputs: [0], outputs: [5], steps: steps)
    #expect(plan.offsets[1] == plan.offsets[5] && plan.offsets[4] == plan.offsets[5]! + 28)
    for value in [0, 2, 3] {
      #expect(plan.offsets[value]! + 80 <= plan.offsets[5]! || plan.offsets[value]! >= plan.offsets[5]! + 320)
    }
  }
}
