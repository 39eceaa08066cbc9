package penstock.window;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.flink.api.common.state.MapState;
import org.jspecify.annotations.Nullable;

/**
 * A key's blocks, so that a state backend on disk rewrites those that change and never a whole multiset. What is touched
 * is held while one element is processed: a backend on disk would read it anew each time.
 */
final class Blocks {
    private final MapState<Long, Block> state;
    private final Map<Long, Block> held = new HashMap<>();
    private final Set<Long> changed = new HashSet<>();

    Blocks(MapState<Long, Block> state) {
        this.state = state;
    }

    @Nullable Block get(long id) {
        Block block = held.get(id);
        if (block == null) {
            try {
                block = state.get(id);
            } catch (Exception e) {
                throw new IllegalStateException("a block of values cannot be read", e);
            }
            held.put(id, block);
        }
        return block;
    }

    /** The block, which is about to change. */
    Block change(long id) {
        changed.add(id);
        return get(id);
    }

    void add(long id, Block block) {
        held.put(id, block);
        changed.add(id);
    }

    void remove(long id) {
        held.put(id, null);
        changed.add(id);
    }

    /** Writes what changed, and lets the key go. */
    void close() throws Exception {
        for (long id : changed) {
            Block block = held.get(id);
            if (block != null) {
                state.put(id, block);
            } else {
                state.remove(id);
            }
        }
        changed.clear();
        held.clear();
    }
}
