package penstock.window;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.plan.PlanReader;
import penstock.types.PlainSerializer;
import penstock.types.PlainSnapshot;
import penstock.types.Wire;

/** A key's header in keyed state. The layout is the view's plan. */
final class KeyStateSerializer extends PlainSerializer<KeyState> {
    private static final long serialVersionUID = 1L;
    /** 1 was in no release. */
    private static final int VERSION = 2;

    private transient Layout cached;

    KeyStateSerializer(String plan) {
        super(plan);
    }

    // accumulators hold functions, which do not travel with the job; the plan does
    private Layout plan() {
        if (cached == null) {
            cached = new Layout(PlanReader.read(layout()));
        }
        return cached;
    }

    @Override
    protected int version() {
        return VERSION;
    }

    @Override
    protected void write(KeyState state, DataOutputView out) throws IOException {
        out.writeLong(state.clock);
        Wire.writeSize(state.seq, out);
        out.writeLong(state.timer);
        if (plan().isUnion) {
            Wire.writeSize(state.source, out);
        }
        Wire.writeSize(state.partition, out);
        Wire.writeSize(state.offset, out);
        writeLogs(state.logs, out);
        Wire.writeSize(state.chunkIds, out);
        for (Head head : state.heads) {
            Wire.writeSize(head.chunk, out);
            Wire.writeSize(head.index, out);
            out.writeLong(head.leave);
        }
        for (Accumulator each : state.accumulators) {
            each.write(out);
        }
    }

    private void writeLogs(KeyState.Chunks[] logs, DataOutputView out) throws IOException {
        if (plan().isMixed()) {
            Wire.writeSize(logs.length, out);
        }
        for (KeyState.Chunks log : logs) {
            Wire.writeSize(log.first, out);
            Wire.writeSize(log.last, out);
        }
    }

    @Override
    protected KeyState read(int version, DataInputView in) throws IOException {
        KeyState state = plan().newState();
        state.clock = in.readLong();
        state.seq = Wire.readSize(in);
        state.timer = in.readLong();
        state.source = plan().isUnion ? (int) Wire.readSize(in) : 0;
        state.partition = (int) Wire.readSize(in);
        state.offset = Wire.readSize(in);
        readLogs(state.logs, in);
        state.chunkIds = Wire.readSize(in);
        for (Head head : state.heads) {
            head.set(Wire.readSize(in), (int) Wire.readSize(in), in.readLong());
        }
        for (Accumulator each : state.accumulators) {
            each.read(in);
        }
        return state;
    }

    private void readLogs(KeyState.Chunks[] logs, DataInputView in) throws IOException {
        if (plan().isMixed() && Wire.readSize(in) != logs.length) {
            throw new IOException("a key of a view with events and steps has not two logs");
        }
        for (KeyState.Chunks log : logs) {
            log.first = Wire.readSize(in);
            log.last = Wire.readSize(in);
        }
    }

    @Override
    public KeyState copy(KeyState from) {
        return from.copy();
    }

    @Override
    public KeyStateSerializer duplicate() {
        return new KeyStateSerializer(layout());
    }

    @Override
    public TypeSerializerSnapshot<KeyState> snapshotConfiguration() {
        return new Snapshot(layout());
    }

    /** The layout that a checkpoint keeps. */
    public static final class Snapshot extends PlainSnapshot<KeyState> {
        public Snapshot() {
            this("");
        }

        Snapshot(String layout) {
            super(layout);
        }

        @Override
        protected PlainSerializer<KeyState> serializer(String layout) {
            return new KeyStateSerializer(layout);
        }
    }
}
