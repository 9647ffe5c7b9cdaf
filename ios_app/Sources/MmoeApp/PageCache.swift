import Foundation

/// The part of a file that is in memory, 0 to 1; nil if the system does not tell. A load of one that is not is a cold load.
func residentShare(of file: URL) -> Double? {
  guard let handle = try? FileHandle(forReadingFrom: file), let size = try? handle.seekToEnd(), size > 0 else {
    return nil
  }
  defer { try? handle.close() }
  guard let start = mmap(nil, Int(size), PROT_READ, MAP_SHARED, handle.fileDescriptor, 0), start != MAP_FAILED else {
    return nil
  }
  defer { munmap(start, Int(size)) }
  let page = Int(sysconf(Int32(_SC_PAGESIZE)))
  #if canImport(Darwin)
    var pages = [CChar](repeating: 0, count: (Int(size) + page - 1) / page)
  #else
    var pages = [UInt8](repeating: 0, count: (Int(size) + page - 1) / page)
  #endif
  guard mincore(start, Int(size), &pages) == 0 else { return nil }
  return Double(pages.reduce(0) { $0 + ($1 & 1 == 1 ? 1 : 0) }) / Double(pages.count)
}
