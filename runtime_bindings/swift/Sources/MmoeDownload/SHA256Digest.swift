import Foundation

#if canImport(CryptoKit)
  import CryptoKit
#endif

/// SHA-256 (FIPS 180-4) of a file: CryptoKit's where there is one, a plain one where not.
enum SHA256Digest {
  private static let chunk = 1 << 18

  static func hex(of file: URL) throws -> String {
    let handle = try FileHandle(forReadingFrom: file)
    defer { try? handle.close() }
    #if canImport(CryptoKit)
      var digest = SHA256()
      while let data = try handle.read(upToCount: chunk), !data.isEmpty { digest.update(data: data) }
      return digest.finalize().map { String(format: "%02x", $0) }.joined()
    #else
      var digest = PlainSHA256()
      while let data = try handle.read(upToCount: chunk), !data.isEmpty { digest.update(data) }
      return digest.finish().map { String(format: "%08x", $0) }.joined()
    #endif
  }
}

struct PlainSHA256 {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var rest: [UInt8] = []
  private var count: UInt64 = 0

  /// The first 32 bits of the fractions of the cube roots of the first 64 primes.
  private static let constants: [UInt32] = {
    var primes: [Int] = []
    var candidate = 2
    while primes.count < 64 {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes.map { prime in
      // The root by bisection in integers, times 2^32.
      var (low, high) = (UInt64(0), UInt64(8) << 32)
      while high - low > 1 {
        let middle = (low + high) / 2
        let square = middle.multipliedFullWidth(by: middle)
        let cube = cubeIsAtMost(square, middle, UInt64(prime))
        if cube { low = middle } else { high = middle }
      }
      return UInt32(truncatingIfNeeded: low)
    }
  }()

  /// Whether square * root <= prime * 2^96.
  private static func cubeIsAtMost(_ square: (high: UInt64, low: UInt64), _ root: UInt64, _ prime: UInt64) -> Bool {
    let low = square.low.multipliedFullWidth(by: root)
    let high = square.high * root
    let (middle, carried) = high.addingReportingOverflow(low.high)
    return !carried && (middle < prime << 32 || (middle == prime << 32 && low.low == 0))
  }

  mutating func update(_ data: Data) {
    count += UInt64(data.count)
    rest += data
    let whole = rest.count / 64 * 64
    rest.withUnsafeBufferPointer { bytes in
      for start in stride(from: 0, to: whole, by: 64) {
        Self.compress(&state, UnsafeBufferPointer(rebasing: bytes[start..<start + 64]))
      }
    }
    rest.removeFirst(whole)
  }

  mutating func finish() -> [UInt32] {
    let bits = count * 8
    var padding = Data([0x80] + [UInt8](repeating: 0, count: (119 - Int(count % 64)) % 64))
    padding.append(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) })
    update(padding)
    return state
  }

  private static func compress(_ state: inout [UInt32], _ block: UnsafeBufferPointer<UInt8>) {
    func turned(_ value: UInt32, _ by: UInt32) -> UInt32 { value >> by | value << (32 - by) }
    var w = (0..<16).map { i in (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(block[4 * i + $1]) } }
    for i in 16..<64 {
      let small = turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ w[i - 15] >> 3
      let large = turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ w[i - 2] >> 10
      w.append(w[i - 16] &+ small &+ w[i - 7] &+ large)
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for i in 0..<64 {
      let large = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
      let first = h &+ large &+ (e & f ^ ~e & g) &+ constants[i] &+ w[i]
      let other = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
      let second = other &+ (a & b ^ a & c ^ b & c)
      (h, g, f, e) = (g, f, e, d &+ first)
      (d, c, b, a) = (c, b, a, first &+ second)
    }
    for (i, value) in [a, b, c, d, e, f, g, h].enumerated() { state[i] = state[i] &+ value }
  }
}
