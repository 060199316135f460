//! Where the next block goes, and which blocks it is made of (RFC 9106
//! section 3.4).

use crate::Params;

/// The slices of a pass. Segments of one slice do not refer to each other.
pub(crate) const SLICES: u32 = 4;

/// The shape of the memory: lanes that are cut into segments by the slices.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) lanes: u32,
    pub(crate) segment_length: u32,
}

impl Layout {
    pub(crate) fn of(params: Params) -> Self {
        Self {
            lanes: params.lanes(),
            segment_length: params.memory_kib() / (SLICES * params.lanes()),
        }
    }

    pub(crate) fn lane_length(self) -> u32 {
        SLICES * self.segment_length
    }

    /// All blocks: the KiB asked for, rounded down to whole segments.
    pub(crate) fn blocks(self) -> u32 {
        self.lanes * self.lane_length()
    }

    /// The place of a block in the memory. The lanes lie side by side, not one
    /// after the other, so that the first pass goes through the memory slice by
    /// slice, whatever the lanes.
    fn place(self, lane: u32, column: u32) -> usize {
        column as usize * self.lanes as usize + lane as usize
    }
}

/// A block in the order in which the memory is filled.
#[derive(Clone, Copy)]
pub(crate) struct Position {
    pub(crate) pass: u32,
    pub(crate) slice: u32,
    pub(crate) lane: u32,
    /// The place in the segment.
    pub(crate) index: u32,
}

impl Position {
    pub(crate) const START: Self = Self { pass: 0, slice: 0, lane: 0, index: 0 };

    /// Goes on to the next block; after the last, to a pass that there is not.
    pub(crate) fn step(&mut self, layout: Layout) {
        self.index += 1;
        if self.index == layout.segment_length {
            self.index = 0;
            self.lane += 1;
        }
        if self.lane == layout.lanes {
            self.lane = 0;
            self.slice += 1;
        }
        if self.slice == SLICES {
            self.slice = 0;
            self.pass += 1;
        }
    }

    /// Where this block goes.
    pub(crate) fn place(self, layout: Layout) -> usize {
        layout.place(self.lane, self.column(layout))
    }

    /// Where the block before this one in the lane is.
    pub(crate) fn previous(self, layout: Layout) -> usize {
        let column = match self.column(layout) {
            0 => layout.lane_length() - 1,
            column => column - 1,
        };
        layout.place(self.lane, column)
    }

    /// Where the block is that `random` chooses among those that this one may
    /// refer to.
    pub(crate) fn reference(self, layout: Layout, random: u64) -> usize {
        let (j1, j2) = (random as u32, (random >> 32) as u32);
        let first_segment = self.pass == 0 && self.slice == 0;
        let lane = if first_segment { self.lane } else { j2 % layout.lanes };

        // The blocks to choose from: the segments finished last, one slice less
        // than there are from the second pass on, and of the own lane the
        // segment in progress, too. The previous block is never among them.
        let finished = if self.pass == 0 {
            self.slice * layout.segment_length
        } else {
            layout.lane_length() - layout.segment_length
        };
        let choice = if lane == self.lane {
            finished + self.index - 1
        } else {
            finished - u32::from(self.index == 0)
        };

        // Low numbers choose young blocks, and more of them do.
        let square = (u64::from(j1) * u64::from(j1)) >> 32;
        let age = (u64::from(choice) * square) >> 32;
        let oldest = if self.pass == 0 || self.slice == SLICES - 1 {
            0
        } else {
            (self.slice + 1) * layout.segment_length
        };
        let column = u64::from(oldest) + u64::from(choice) - 1 - age;
        let lane_length = u64::from(layout.lane_length());
        let column = if column < lane_length { column } else { column - lane_length };
        layout.place(lane, column as u32)
    }

    fn column(self, layout: Layout) -> u32 {
        self.slice * layout.segment_length + self.index
    }
}
