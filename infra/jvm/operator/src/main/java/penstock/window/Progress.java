package penstock.window;

import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/** Lets rows through, and adds a {@link Mark} for each partition of their topic whenever the watermark has moved. */
public final class Progress extends AbstractStreamOperator<FeatureRow>
        implements OneInputStreamOperator<FeatureRow, FeatureRow> {
    private static final long serialVersionUID = 1L;

    private final int partitions;

    /** @param partitions how many the rows' topic has */
    public Progress(int partitions) {
        this.partitions = partitions;
    }

    @Override
    public void processElement(StreamRecord<FeatureRow> row) {
        output.collect(row);
    }

    @Override
    public void processWatermark(Watermark mark) throws Exception {
        int writer = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        int of = getRuntimeContext().getTaskInfo().getNumberOfParallelSubtasks();
        if (mark.getTimestamp() != Long.MIN_VALUE) {
            for (int partition = 0; partition < partitions; partition++) {
                output.collect(new StreamRecord<>(Mark.of(mark.getTimestamp(), writer, of, partition)));
            }
        }
        super.processWatermark(mark);
    }
}
