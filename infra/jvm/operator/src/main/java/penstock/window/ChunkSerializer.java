package penstock.window;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.plan.PlanReader;
import penstock.types.PlainSerializer;
import penstock.types.PlainSnapshot;
import penstock.types.Wire;

/** Chunks in keyed state. The layout is the view's plan. */
final class ChunkSerializer extends PlainSerializer<Chunk> {
    private static final long serialVersionUID = 1L;
    /** 1 and 2 were in no release. */
    private static final int VERSION = 3;

    private final ChunkColumns columns;
    private final boolean hasWheres;
    private final boolean onlySteps;
    private final boolean isMixed;
    private transient Steps cached;

    ChunkSerializer(String plan) {
        super(plan);
        var view = PlanReader.read(plan);
        columns = new ChunkColumns(view.textArgs());
        Steps steps = Steps.of(view);
        onlySteps = steps != null && steps.alone;
        isMixed = steps != null && !steps.alone;
        hasWheres = !view.wheres().isEmpty() || view.hasSession() || view.hasOps();
    }

    // accumulators hold functions, which do not travel with the job; the plan does
    private Steps steps() {
        if (cached == null) {
            cached = new Layout(PlanReader.read(layout())).steps;
        }
        return cached;
    }

    @Override
    protected int version() {
        return VERSION;
    }

    @Override
    protected void write(Chunk chunk, DataOutputView out) throws IOException {
        if (isMixed) {
            out.writeBoolean(chunk.steps != null);
        }
        Wire.writeSize(chunk.previous, out);
        Wire.writeSize(chunk.next, out);
        Wire.writeSize(chunk.size, out);
        long time = 0;
        for (int i = 0; i < chunk.size; i++) {
            Wire.writeSigned(chunk.time(i) - time, out);
            time = chunk.time(i);
        }
        if (chunk.steps != null) {
            writeSteps(chunk, out);
        } else {
            writeEvents(chunk, out);
        }
    }

    private static void writeSteps(Chunk chunk, DataOutputView out) throws IOException {
        for (int i = 0; i < chunk.size; i++) {
            for (Accumulator part : chunk.steps[i]) {
                part.write(out);
            }
        }
    }

    private void writeEvents(Chunk chunk, DataOutputView out) throws IOException {
        writeIds(chunk, out);
        for (int i = 0; columns.size() > 0 && i < chunk.size; i++) {
            Wire.writeSize(chunk.nulls(i), out);
        }
        for (int i = 0; hasWheres && i < chunk.size; i++) {
            Wire.writeSize(chunk.wheres(i), out);
        }
        for (int a = 0; a < columns.size(); a++) {
            writeArg(chunk, a, out);
        }
    }

    private static void writeIds(Chunk chunk, DataOutputView out) throws IOException {
        out.writeBoolean(chunk.hasIds());
        for (int i = 0; chunk.hasIds() && i < chunk.size; i++) {
            Wire.writeText(chunk.id(i), out);
        }
    }

    private void writeArg(Chunk chunk, int a, DataOutputView out) throws IOException {
        for (int i = 0; i < chunk.size; i++) {
            if (chunk.isNull(a, i)) {
                continue;
            }
            if (columns.isText(a)) {
                Wire.writeText(chunk.text(a, i), out);
            } else {
                out.writeLong(chunk.bits(a, i));
            }
        }
    }

    @Override
    protected Chunk read(int version, DataInputView in) throws IOException {
        boolean ofSteps = isMixed ? in.readBoolean() : onlySteps;
        long previous = Wire.readSize(in);
        long next = Wire.readSize(in);
        int size = (int) Wire.readSize(in);
        int room = Math.max(Chunk.FIRST_ROOM, size + 1);
        Chunk chunk = ofSteps ? Chunk.ofSteps(room) : new Chunk(columns, room);
        chunk.previous = previous;
        chunk.next = next;
        chunk.size = size;
        long time = 0;
        for (int i = 0; i < size; i++) {
            time += Wire.readSigned(in);
            chunk.setTime(i, time);
        }
        if (ofSteps) {
            readSteps(chunk, in);
        } else {
            readEvents(chunk, in);
        }
        return chunk;
    }

    private void readSteps(Chunk chunk, DataInputView in) throws IOException {
        for (int i = 0; i < chunk.size; i++) {
            chunk.steps[i] = steps().none();
            for (Accumulator part : chunk.steps[i]) {
                part.read(in);
            }
        }
    }

    private void readEvents(Chunk chunk, DataInputView in) throws IOException {
        readIds(chunk, in);
        for (int i = 0; columns.size() > 0 && i < chunk.size; i++) {
            chunk.setNulls(i, Wire.readSize(in));
        }
        for (int i = 0; hasWheres && i < chunk.size; i++) {
            chunk.setWheres(i, Wire.readSize(in));
        }
        for (int a = 0; a < columns.size(); a++) {
            readArg(chunk, a, in);
        }
    }

    private static void readIds(Chunk chunk, DataInputView in) throws IOException {
        if (in.readBoolean()) {
            for (int i = 0; i < chunk.size; i++) {
                chunk.setId(i, Wire.readText(in));
            }
        }
    }

    private void readArg(Chunk chunk, int a, DataInputView in) throws IOException {
        for (int i = 0; i < chunk.size; i++) {
            if (chunk.isNull(a, i)) {
                continue;
            }
            if (columns.isText(a)) {
                chunk.setText(a, i, Wire.readText(in));
            } else {
                chunk.setBits(a, i, in.readLong());
            }
        }
    }

    @Override
    public Chunk copy(Chunk from) {
        return from.copy();
    }

    @Override
    public ChunkSerializer duplicate() {
        return new ChunkSerializer(layout());
    }

    @Override
    public TypeSerializerSnapshot<Chunk> snapshotConfiguration() {
        return new Snapshot(layout());
    }

    /** The layout that a checkpoint keeps. */
    public static final class Snapshot extends PlainSnapshot<Chunk> {
        public Snapshot() {
            this("");
        }

        Snapshot(String layout) {
            super(layout);
        }

        @Override
        protected PlainSerializer<Chunk> serializer(String layout) {
            return new ChunkSerializer(layout);
        }
    }
}
