// Independent pieces of work shared out to threads. Their results must not depend on who does them.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace rdmf {
namespace {

// Calls work(0), ..., work(pieces - 1) on at most `threads` threads, this one included. False if one found no memory.
template <typename Work>
bool share(int64_t pieces, int64_t threads, const Work& work) {
    std::atomic<int64_t> next{0};
    std::atomic<bool> failed{false};
    auto run = [&] {
        try {
            for (int64_t piece; !failed && (piece = next++) < pieces;) work(piece);
        } catch (const std::bad_alloc&) {
            failed = true;
        }
    };
    std::vector<std::thread> others;
    try {
        for (int64_t n = 1; n < threads && n < pieces; ++n) others.emplace_back(run);
    } catch (const std::system_error&) {
        // No more threads to be had: those that started, and this one, do all pieces.
    }
    run();
    for (auto& thread : others) thread.join();
    return !failed;
}

}  // namespace
}  // namespace rdmf
