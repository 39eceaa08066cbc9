/**
 * The window operator: from the events of a key to its rows.
 *
 * <pre>
 * key          WindowOperator: one element or timer of one key at a time; RowWriter writes its rows
 *  └ state     KeyState: clock, row number, timer; all below hangs on it. Layout says what there is, from the plan
 *     ├ logs   Logs: one EventLog of events, of steps (Steps), or one of each
 *     │   ├ list    ChunkList over ChunkCache: entries in the order of time, 64 events or 16 steps in a Chunk
 *     │   └ heads   Heads: for each window a place in the list, which moves on with time; Sessions moves those of sessions,
 *     │             and Versions does what an update or a delete of an event does
 *     └ accumulators   Accumulator: for each (argument, condition, window) what its features need; Aggregate and Family
 *                      say which. A head that passes an event adds it or takes it out. Blocks holds values beside the state
 * </pre>
 *
 * <p>Aggregate is the only place that knows an aggregate. An element costs its own chunk and the chunks at the heads that
 * move; everything else of the key stays where it is.
 */
package penstock.window;
