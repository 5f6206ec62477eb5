mod machines;
mod world;
