// What `pixelbank bench cache` measures, done with OpenImageIO's ImageCache: same files, same order, same batches.
//
//     image_cache_peer MEMORY_MB MAX_OPEN FILE_OR_FOLDER...      prints JSON

#include <OpenImageIO/imagecache.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

using namespace OIIO;

namespace {

constexpr int SIDE = 64;
constexpr int COLD_SIDE = 1024;
constexpr size_t MOST_TILES = 4096;

struct Timing { double median, min, max; };

using Operation = std::function<void(size_t)>;

Timing measure(const Operation& operation) {
    using Clock = std::chrono::steady_clock;
    size_t n = 0;
    auto batch = [&](size_t length) {
        auto started = Clock::now();
        for (size_t i = 0; i < length; ++i) operation(n++);
        return std::chrono::duration<double, std::nano>(Clock::now() - started).count();
    };
    size_t length = 1;
    while (batch(length) < 12.5e6) length *= 2;
    std::vector<double> nanos;
    for (int i = 0; i < 9; ++i) nanos.push_back(batch(length) / length);
    std::sort(nanos.begin(), nanos.end());
    return { nanos[4], nanos.front(), nanos.back() };
}

Timing together(const std::vector<Operation>& operations) {
    std::vector<Timing> timings(operations.size());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < operations.size(); ++i)
        threads.emplace_back([&, i] { timings[i] = measure(operations[i]); });
    for (auto& thread : threads) thread.join();
    Timing all { 0, timings[0].min, timings[0].max };
    for (auto& one : timings) {
        all.median += one.median / timings.size();
        all.min = std::min(all.min, one.min);
        all.max = std::max(all.max, one.max);
    }
    return all;
}

std::vector<size_t> shuffled(size_t n, uint64_t seed) {
    std::vector<size_t> numbers(n);
    for (size_t i = 0; i < n; ++i) numbers[i] = i;
    uint64_t state = seed * 0x9e3779b97f4a7c15u | 1;
    for (size_t i = n - 1; i > 0; --i) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        std::swap(numbers[i], numbers[((state * 0x2545f4914f6cdd1du) >> 33) % (i + 1)]);
    }
    return numbers;
}

size_t resident_bytes() {
    size_t pages = 0, resident = 0;
    if (FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%zu %zu", &pages, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return resident * sysconf(_SC_PAGESIZE);
}

void many(ImageCache* cache, const std::vector<ustring>& files) {
    ImageSpec spec;
    cache->get_imagespec(files[0], spec);
    size_t before = resident_bytes();
    auto started = std::chrono::steady_clock::now();
    for (auto file : files) cache->get_imagespec(file, spec);
    double nanos = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - started).count();
    size_t known = resident_bytes() - before;
    std::vector<uint8_t> pixel(64);
    for (auto file : files) cache->get_pixels(file, 0, 0, 0, 1, 0, 1, 0, 1, TypeUInt8, pixel.data());
    long long tiles = 0;
    cache->getattribute("stat:cache_memory_used", TypeDesc::INT64, &tiles);
    size_t read = resident_bytes() - before - tiles;
    std::printf("{\"files\": %zu, \"closed\": {\"resident_bytes_per_file\": %zu, \"describe_nanos\": %.0f}, "
                "\"read_once\": {\"resident_bytes_per_file\": %zu, \"tile_bytes\": %lld}}\n",
                files.size(), known / files.size(), nanos / files.size(), read / files.size(), tiles);
}

struct Row { const char* name; Timing timing; };

void one(ImageCache* cache, ustring name) {
    ImageSpec spec;
    if (!cache->get_imagespec(name, spec)) std::exit(1);
    auto handle = cache->get_image_handle(name);
    using Clock = std::chrono::steady_clock;
    double bytes = double(spec.image_bytes());
    auto rate = [&](Clock::time_point started) {
        return bytes / 1e6 / std::chrono::duration<double>(Clock::now() - started).count();
    };
    auto started = Clock::now();
    for (int y = 0; y < spec.height; y += spec.tile_height)
        for (int x = 0; x < spec.width; x += spec.tile_width) {
            auto tile = cache->get_tile(handle, cache->get_perthread_info(), 0, 0, x, y, 0);
            if (!tile) std::exit(1);
            cache->release_tile(tile);
        }
    double by_tiles = rate(started);
    cache->invalidate(name, true);
    handle = cache->get_image_handle(name);
    std::vector<uint8_t> region(size_t(COLD_SIDE) * COLD_SIDE * spec.nchannels * spec.format.size());
    started = Clock::now();
    for (int y = 0; y < spec.height; y += COLD_SIDE)
        for (int x = 0; x < spec.width; x += COLD_SIDE)
            if (!cache->get_pixels(handle, cache->get_perthread_info(), 0, 0, x, std::min(x + COLD_SIDE, spec.width), y,
                                   std::min(y + COLD_SIDE, spec.height), 0, 1, 0, spec.nchannels, spec.format, region.data()))
                std::exit(1);
    double by_regions = rate(started);

    int wide = (spec.width + spec.tile_width - 1) / spec.tile_width;
    int high = (spec.height + spec.tile_height - 1) / spec.tile_height;
    int columns = std::min(wide, 64), rows = std::min<int>(high, MOST_TILES / columns);
    size_t n = size_t(columns) * rows;
    auto x_of = [&](size_t number) { return int(number % columns) * spec.tile_width; };
    auto y_of = [&](size_t number) { return int(number / columns) * spec.tile_height; };
    auto look_up = [&](ImageCache::Perthread* thread, size_t number) {
        cache->release_tile(cache->get_tile(handle, thread, 0, 0, x_of(number), y_of(number), 0));
    };
    auto mine = cache->get_perthread_info();
    for (size_t i = 0; i < n; ++i) look_up(mine, i);

    std::vector<Row> results;
    auto order = shuffled(n, 1);
    results.push_back({ "tile, random of those in memory", measure([&](size_t at) { look_up(mine, order[at % n]); }) });
    std::vector<Operation> pair;
    for (uint64_t thread = 0; thread < 2; ++thread)
        pair.push_back([&, own = shuffled(n, thread + 10), info = (ImageCache::Perthread*)nullptr](size_t at) mutable {
            if (!info) info = cache->get_perthread_info();
            look_up(info, own[at % n]);
        });
    results.push_back({ "the same on two threads", together(pair) });
    results.push_back({ "the same tile again", measure([&](size_t) { look_up(mine, 0); }) });

    size_t len = size_t(SIDE) * SIDE * spec.nchannels * spec.format.size();
    std::vector<uint8_t> source(n * len, 1), target(len);
    auto from = shuffled(n, 5);
    results.push_back({ "copy of as many bytes", measure([&](size_t at) {
        std::memcpy(target.data(), source.data() + from[at % n] * len, len);
        asm volatile("" : : "r"(target.data()) : "memory");
    }) });
    auto read = [&](bool across, int channels, TypeDesc type) {
        int shift = across ? SIDE / 2 : 0;
        std::vector<std::pair<int, int>> places;
        for (auto number : shuffled(n, 3)) {
            int x = x_of(number) - shift, y = y_of(number) - shift;
            if (x >= 0 && y >= 0 && x + SIDE <= spec.width && y + SIDE <= spec.height) places.push_back({ x, y });
        }
        std::vector<uint8_t> pixels(size_t(SIDE) * SIDE * channels * type.size());
        return measure([&](size_t at) {
            auto [x, y] = places[at % places.size()];
            cache->get_pixels(handle, mine, 0, 0, x, x + SIDE, y, y + SIDE, 0, 1, 0, channels, type, pixels.data());
        });
    };
    results.push_back({ "region 64 × 64 in a tile", read(false, spec.nchannels, spec.format) });
    if (spec.nchannels > 3) results.push_back({ "the same, three channels", read(false, 3, spec.format) });
    results.push_back({ "the same, as 32-bit floats", read(false, spec.nchannels, TypeFloat) });
    results.push_back({ "region 64 × 64 across tiles", read(true, spec.nchannels, spec.format) });

    std::printf("{\"tiles_in_memory\": %zu, \"cold\": {\"tile_by_tile\": {\"megabytes_per_second\": %.3f}, "
                "\"by_regions\": {\"megabytes_per_second\": %.3f}}, \"nanos\": [",
                n, by_tiles, by_regions);
    for (size_t i = 0; i < results.size(); ++i)
        std::printf("%s{\"name\": \"%s\", \"median\": %.3f, \"min\": %.3f, \"max\": %.3f}", i ? ", " : "",
                    results[i].name, results[i].timing.median, results[i].timing.min, results[i].timing.max);
    std::printf("]}\n");
}

}  // namespace

int main(int n_arguments, char** arguments) {
    auto cache = ImageCache::create(false);
    cache->attribute("max_memory_MB", std::stof(arguments[1]));
    cache->attribute("max_open_files", std::stoi(arguments[2]));
    std::vector<ustring> files;
    for (int i = 3; i < n_arguments; ++i) {
        if (!std::filesystem::is_directory(arguments[i])) {
            files.emplace_back(arguments[i]);
            continue;
        }
        for (auto& entry : std::filesystem::recursive_directory_iterator(arguments[i]))
            if (entry.is_regular_file()) files.emplace_back(entry.path().string());
        std::sort(files.begin(), files.end());
    }
    if (files.size() == 1) one(cache, files[0]);
    else many(cache, files);
    ImageCache::destroy(cache);
}
