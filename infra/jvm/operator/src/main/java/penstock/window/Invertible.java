package penstock.window;

/** An accumulator out of which any event can be taken, as the oldest one is. */
abstract class Invertible extends Accumulator {
    @Override
    boolean retract(Chunk chunk, int i) {
        remove(chunk, i);
        return true;
    }
}
