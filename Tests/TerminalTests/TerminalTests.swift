import Testing

@testable import Terminal

@Suite struct Numbers {
  @Test func fixedRoundsHalfAwayFromZero() {
    #expect(fixed(2.5, decimals: 0) == "3")
    #expect(fixed(-2.5, decimals: 0) == "-3")
    #expect(fixed(0.125, decimals: 2) == "0.13")
    #expect(fixed(3, decimals: 3) == "3.000")
    #expect(fixed(12.0049, decimals: 2) == "12.00")
    #expect(fixed(0.05, decimals: 1) == "0.1")
    #expect(fixed(999.9996, decimals: 3) == "1000.000")
  }

  @Test func fixedHasNoNegativeZero() { #expect(fixed(-0.001, decimals: 2) == "0.00") }

  @Test func fixedTakesEveryDouble() {
    #expect(fixed(.nan, decimals: 1) == "nan")
    #expect(fixed(-.infinity, decimals: 1) == "-inf")
    #expect(fixed(1e300, decimals: 3) == "1e+300")
    #expect(fixed(.leastNonzeroMagnitude, decimals: 15) == "0.000000000000000")
  }

  @Test func sizesKeepThreeDigits() {
    #expect(byteSize(0) == "0 B")
    #expect(byteSize(999) == "999 B")
    #expect(byteSize(1000) == "1.00 KB")
    #expect(byteSize(61_706) == "61.7 KB")
    #expect(byteSize(999_949) == "999.9 KB")
    #expect(byteSize(999_950) == "1.00 MB")
    #expect(shortCount(568_740_352) == "568.7 M")
    #expect(percent(0.93449) == "93.4 %")
    #expect(milliseconds(1_234_567) == "1.235 ms")
  }

  @Test(arguments: ["0.1", "1e-3", "-2.5E+2", ".5", "7.", "123456789.012345", "1e22", "+4", "0.0005"])
  func decimalsParseAsTheStandardLibrarySays(_ text: String) {
    let standard: Double? = text == ".5" ? 0.5 : text == "7." ? 7 : Double(text)
    #expect(parseDecimal(text) == standard)
  }

  @Test(arguments: ["", "-", ".", "1.2.3", "1e", "e5", "0x10", "1 ", "inf", "nan", "1e999", "1,5"])
  func otherTextIsNoDecimal(_ text: String) { #expect(parseDecimal(text) == nil) }
}

@Suite struct Text {
  @Test func tableAligns() {
    var table = TextTable([.left("op"), .right("MACs"), .left("kernel")])
    table.add(["conv2d", "1.2 M", "f32"])
    table.add(["add", "", ""])
    #expect(
      table.text == """
        op       MACs  kernel
        conv2d  1.2 M  f32
        add

        """)
  }

  @Test func tableWithoutTitlesBeginsWithItsFirstRow() {
    var table = TextTable([.left(""), .right("")])
    table.add(["file", "12"])
    #expect(table.text == "file  12\n")
  }

  @Test func controlCharactersAreShownNotObeyed() {
    #expect("a\u{1b}[2Jb\u{9b}\n".printable == "a\\u{1b}[2Jb\\u{9b}\\u{a}")
    #expect("Trouser – größer".printable == "Trouser – größer")
  }

  @Test func jsonNestsAndEscapes() {
    var json = JSONWriter()
    json.object { json in
      json.field("name", "a\"b\\\n\u{1}")
      json.field("count", 3)
      json.field("share", 0.25, decimals: 3)
      json.field("bad", .nan, decimals: 3)
      json.field("ok", true)
      json.null("seed")
      json.array("empty") { _ in }
      json.array("shape") { json in
        json.value(1)
        json.value(0.5, decimals: 1)
        json.object { $0.field("x", "y") }
      }
    }
    #expect(
      json.text == """
        {
          "name": "a\\"b\\\\\\n\\u0001",
          "count": 3,
          "share": 0.250,
          "bad": null,
          "ok": true,
          "seed": null,
          "empty": [],
          "shape": [
            1,
            0.5,
            {
              "x": "y"
            }
          ]
        }

        """)
  }

  @Test func aDocumentCanBeOneLine() {
    var json = JSONWriter(isOneLine: true)
    json.object { json in
      json.field("epoch", 1)
      json.array("rates") { json in
        json.value(0.5, decimals: 1)
        json.value(2)
      }
      json.object("empty") { _ in }
    }
    #expect(json.text == #"{"epoch": 1, "rates": [0.5, 2], "empty": {}}"# + "\n")
  }
}

@Suite struct CommandLines {
  let command = Command(
    name: "demo", summary: "Shows how it is done.", operands: [Operand("MODEL"), Operand("IMAGE", count: 1...Int.max)],
    options: [
      Option("threads", value: "N", help: "how many"), Option("output", letter: "o", value: "FILE", help: "where to"),
      Option("json", help: "for programs"),
    ],
    examples: ["demo a b"])

  private func failure(_ words: [String]) -> String? {
    do throws(UsageError) {
      _ = try command.parse(words).integer("threads", in: 1...64)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func optionsAndOperandsMix() throws {
    let arguments = try command.parse(["m", "--threads", "3", "x", "--json", "-o", "f", "y", "--", "--z"])
    #expect(arguments.operands == ["m", "x", "y", "--z"])
    #expect(try arguments.integer("threads", in: 1...64) == 3)
    #expect(arguments.has("json"))
    #expect(arguments.string("output") == "f")
    #expect(try command.parse(["--threads=5", "m", "x"]).integer("threads", in: 1...64) == 5)
    #expect(try command.parse(["m", "x"]).integer("threads", in: 1...64) == nil)
    #expect(try command.parse(["m", "-", "--output=a=b"]).string("output") == "a=b")
  }

  @Test func helpNeedsNothingElse() throws { #expect(try command.parse(["--help"]).has("help")) }

  @Test func errorsNameTheThingAndWhatWasExpected() {
    #expect(failure([]) == "arguments: expected MODEL, found nothing")
    #expect(failure(["m"]) == "arguments: expected IMAGE, found nothing")
    #expect(failure(["m", "x", "--color"]) == "--color: expected an option of `demo`, found an unknown one")
    #expect(failure(["m", "x", "--threads"]) == "--threads: expected N, found nothing")
    #expect(failure(["m", "x", "--threads", "--json"]) == "--threads: expected N, found nothing")
    #expect(failure(["m", "x", "--threads="]) == "--threads: expected an integer from 1 to 64, found nothing")
    #expect(failure(["m", "x", "--threads", "0"]) == "--threads: expected an integer from 1 to 64, found 0")
    #expect(failure(["m", "x", "--threads", "-2"]) == "--threads: expected an integer from 1 to 64, found -2")
    #expect(failure(["m", "x", "--threads", "two"]) == "--threads: expected an integer from 1 to 64, found two")
    #expect(failure(["m", "x", "--json=1"]) == "--json: expected no value, found 1")
  }

  @Test func tooManyOperandsAreAnError() throws {
    let one = Command(name: "one", summary: "", operands: [Operand("MODEL")], examples: [])
    #expect(throws: UsageError("arguments", expected: "nothing more", found: "b", command: "one")) {
      try one.parse(["a", "b"])
    }
  }

  @Test func helpText() {
    #expect(
      command.help == """
        Shows how it is done.

        usage: demo MODEL IMAGE... [options]

        options:
          --threads N        how many
          -o, --output FILE  where to
          --json             for programs
          -h, --help         print this text

        examples:
          demo a b

        """)
  }
}
