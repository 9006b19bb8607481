"""The way of an image to the engine and of its outputs back, for any number of callers at once.

One module each: `sources` brings an image in, `admission` refuses what would be too late, `flights`
shares the computation of exact repeats, `batcher` owns the engine, `cost_model` knows how long it
takes, `caller` tells who still waits; `pipeline` puts them together.
"""
