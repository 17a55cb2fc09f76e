/// Numbers below 10,000 in digits, and in English words without hyphens: "4072" is "four thousand seventy two".
enum NumberWords {
  private static let small = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
  ]
  private static let tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]

  /// - Parameter number: in 0..<10,000.
  static func words(_ number: Int) -> String {
    var words: [String] = []
    var rest = number
    if rest >= 1000 {
      words += [small[rest / 1000], "thousand"]
      rest %= 1000
    }
    if rest >= 100 {
      words += [small[rest / 100], "hundred"]
      rest %= 100
    }
    if rest >= 20 {
      words.append(tens[rest / 10 - 2])
      rest %= 10
    }
    if rest > 0 || words.isEmpty { words.append(small[rest]) }
    return words.joined(separator: " ")
  }

  /// Every tenth number of a random order, always the same: numbers that training does not show.
  static var test: [SequenceTexts.Pair] { pairs { $0 % 10 == 0 } }
  static var train: [SequenceTexts.Pair] { pairs { $0 % 10 != 0 } }

  private static func pairs(where isWanted: (Int) -> Bool) -> [SequenceTexts.Pair] {
    var stream = RandomStream(seed: 0, .sequenceSplit)
    let order = stream.permutation(of: 10_000)
    return order.enumerated().filter { isWanted($0.offset) }.map { (String($0.element), words($0.element)) }
  }
}
