/// The place of a value in the planner's list: the graph's tensors come first, the steps' own buffers after them.
typealias ValueIndex = Int

/// What the memory planner has to know of one step.
struct MemoryUse {
  /// How what a step writes may lie over what it reads.
  enum Sharing: Equatable {
    /// Not at all.
    case none
    /// The result may take the place of any operand of its size that nobody needs afterwards: the step has read what it
    /// needs of an element's place before it writes there.
    case inPlace
    /// The result may take the place of the last operand, under the same condition, as long as no other operand lies
    /// there: the step still reads those when it writes.
    case inPlaceOfLast
    /// The result is the first operand under another shape: it always lies where the operand lies.
    case view
    /// The result is the first operand's bytes from `offset` on: it always lies there.
    case part(offset: Int)
    /// The result is the operands one behind the other: operands may be written there in the first place.
    case join
    /// The result's rows are those of the operands side by side. Operands with an offset, where in a row theirs begin, have
    /// been written there by a step of their own, and are read by this one only.
    case interleave([Int?])
  }

  var reads: [ValueIndex]
  var writes: [ValueIndex]
  /// Buffers that only this step uses.
  var scratch: [ValueIndex] = []
  var sharing = Sharing.none
}

/// Where every value of a list of steps lies: which values share bytes, and each one's place in the arena.
struct MemoryPlan {
  /// Bytes from the start of the arena for each value; nil for one that no step uses, such as a constant.
  let offsets: [Int?]
  let arenaBytes: Int

  /// - Parameters:
  ///   - sizes: bytes of every value.
  ///   - inputs: values that are there before the first step. They keep their bytes to the end, so that a run can be
  ///     repeated.
  ///   - outputs: values that are wanted after the last step.
  ///   - steps: in the order they run; each value is written before it is read, and by one step only.
  init(sizes: [Int], inputs: [ValueIndex], outputs: [ValueIndex], steps: [MemoryUse]) {
    var sharing = StorageSharing(sizes: sizes)
    for input in inputs {
      sharing.extend(input, to: -1)
      sharing.extend(input, to: steps.count)
    }
    for output in outputs { sharing.extend(output, to: steps.count) }
    for (index, step) in steps.enumerated() {
      for value in step.reads { sharing.extend(value, to: index) }
      for value in step.writes { sharing.extend(value, to: index) }
      for value in step.scratch { sharing.extend(value, to: index) }
    }
    for (index, step) in steps.enumerated() { sharing.share(step, at: index) }

    // Values that nobody uses, and groups that became part of others, have no lifetime.
    let used = sharing.groups.indices.filter { sharing.groups[$0].last >= sharing.groups[$0].first }
    let arena = ArenaPlanner(
      used.map {
        .init(size: sharing.groups[$0].size, first: sharing.groups[$0].first, last: sharing.groups[$0].last)
      })
    var start = [Int?](repeating: nil, count: sizes.count)
    for (group, offset) in zip(used, arena.offsets) { start[group] = offset }
    offsets = sizes.indices.map { value in
      start[sharing.group[value]].map { $0 + sharing.offset[value] }
    }
    arenaBytes = arena.size
  }
}

/// Sorts values into groups that share one buffer, each value at an offset in its group's buffer.
private struct StorageSharing {
  struct Group {
    var size: Int
    var members: [ValueIndex]
    /// Lifetime of the buffer: the union of its members'.
    var first = Int.max
    var last = Int.min
  }

  let sizes: [Int]
  /// A group has the number of the value that it began with.
  var group: [Int]
  var offset: [Int]
  var groups: [Group]

  init(sizes: [Int]) {
    self.sizes = sizes
    group = Array(sizes.indices)
    offset = Array(repeating: 0, count: sizes.count)
    groups = sizes.indices.map { Group(size: sizes[$0], members: [$0]) }
  }

  /// Makes `value` live at `step`, while every value still has a group of its own.
  mutating func extend(_ value: ValueIndex, to step: Int) {
    groups[value].first = min(groups[value].first, step)
    groups[value].last = max(groups[value].last, step)
  }

  /// Lets the result of the step at `index` share bytes with its operands where that is safe. Steps come in order, so
  /// what a step writes is still alone in its group.
  mutating func share(_ step: MemoryUse, at index: Int) {
    switch step.sharing {
    case .none: break
    case .view: merge(step.writes[0], into: group[step.reads[0]], at: offset[step.reads[0]])
    case .part(let start): merge(step.writes[0], into: group[step.reads[0]], at: offset[step.reads[0]] + start)
    case .inPlace:
      if let operand = step.reads.first(where: { canBeReplaced($0, by: step, at: index) }) {
        merge(step.writes[0], into: group[operand], at: offset[operand])
      }
    case .inPlaceOfLast:
      let last = step.reads[step.reads.count - 1]
      if canBeReplaced(last, by: step, at: index), !step.reads.dropLast().contains(where: { overlap($0, last) }) {
        merge(step.writes[0], into: group[last], at: offset[last])
      }
    case .join:
      var position = 0
      for operand in step.reads {
        // Only a buffer that holds this operand and nothing more can become a part of another; and inputs stay alone,
        // because their long life would be the whole result's.
        let own = groups[group[operand]]
        if own.size == sizes[operand] && own.first >= 0 && group[operand] != step.writes[0] {
          merge(group[operand], into: step.writes[0], at: position)
        }
        position += sizes[operand]
      }
    case .interleave(let offsets):
      for (operand, offset) in zip(step.reads, offsets) {
        if let offset { merge(group[operand], into: step.writes[0], at: offset) }
      }
    }
  }

  /// Whether the step's result may overwrite `operand`: same size, nobody reads that buffer later, and no other operand
  /// overlaps it in part.
  private func canBeReplaced(_ operand: ValueIndex, by step: MemoryUse, at index: Int) -> Bool {
    guard sizes[operand] == sizes[step.writes[0]] && groups[group[operand]].last <= index else { return false }
    return step.reads.allSatisfy { offset[$0] == offset[operand] || !overlap($0, operand) }
  }

  /// Whether the two values have bytes in common.
  private func overlap(_ a: ValueIndex, _ b: ValueIndex) -> Bool {
    group[a] == group[b] && offset[a] < offset[b] + sizes[b] && offset[b] < offset[a] + sizes[a]
  }

  /// Puts the buffer of `source` into that of `target`, `position` bytes behind its start.
  private mutating func merge(_ source: Int, into target: Int, at position: Int) {
    for member in groups[source].members {
      group[member] = target
      offset[member] += position
    }
    groups[target].members += groups[source].members
    groups[target].first = min(groups[target].first, groups[source].first)
    groups[target].last = max(groups[target].last, groups[source].last)
    groups[source] = Group(size: 0, members: [])
  }
}
