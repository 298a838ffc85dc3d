// What somebody writes with the AWS SDK for JavaScript: from labelled images to a prediction.
//
// Run by ../test_javascript.py: node loop.mjs <bucket> <key of a manifest> <key of an image>. The
// endpoint, the Region and the keys are in the environment, where the SDK looks for them. Prints what
// it found, as JSON.

import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  CreateDatasetCommand,
  CreateProjectCommand,
  CreateProjectVersionCommand,
  DeleteProjectVersionCommand,
  DescribeDatasetCommand,
  DescribeProjectVersionsCommand,
  DetectCustomLabelsCommand,
  RekognitionClient,
  ResourceInUseException,
  StartProjectVersionCommand,
  StopProjectVersionCommand,
  paginateDescribeProjects,
  waitUntilProjectVersionRunning,
  waitUntilProjectVersionTrainingCompleted,
} from '@aws-sdk/client-rekognition';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';

const [bucket, manifest, image] = process.argv.slice(2);
const rekognition = new RekognitionClient({});
const s3 = new S3Client({ forcePathStyle: true });
const soon = { client: rekognition, minDelay: 1, maxDelay: 1, maxWaitTime: 200 };
const pause = () => new Promise((done) => setTimeout(done, 100));

const stacks = await new CloudFormationClient({}).send(new DescribeStacksCommand({}));
const name = `javascript-${process.pid}`;
const { ProjectArn } = await rekognition.send(new CreateProjectCommand({ ProjectName: name }));
const refusal = await rekognition
  .send(new CreateProjectCommand({ ProjectName: name }))
  .catch((error) => error);

const S3Object = { Bucket: bucket, Name: manifest };
const given = { Assets: [{ GroundTruthManifest: { S3Object } }] };
const VersionNames = ['v1'];
const { ProjectVersionArn } = await rekognition.send(
  new CreateProjectVersionCommand({
    ProjectArn,
    VersionName: 'v1',
    OutputConfig: { S3Bucket: bucket, S3KeyPrefix: name },
    TrainingData: given,
    TestingData: { AutoCreate: true },
  }),
);
await waitUntilProjectVersionTrainingCompleted(soon, { ProjectArn, VersionNames });
await rekognition.send(new StartProjectVersionCommand({ ProjectVersionArn, MinInferenceUnits: 1 }));
await waitUntilProjectVersionRunning(soon, { ProjectArn, VersionNames });

const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: image }));
const Bytes = await object.Body.transformToByteArray();
const detect = new DetectCustomLabelsCommand({ ProjectVersionArn, Image: { Bytes }, MinConfidence: 0 });
const { CustomLabels } = await rekognition.send(detect);

const version = async () => {
  const asked = new DescribeProjectVersionsCommand({ ProjectArn });
  return (await rekognition.send(asked)).ProjectVersionDescriptions[0];
};
await rekognition.send(new StopProjectVersionCommand({ ProjectVersionArn }));
while ((await version()).Status !== 'STOPPED') await pause();
const trained = await version();

const { DatasetArn } = await rekognition.send(
  new CreateDatasetCommand({ ProjectArn, DatasetType: 'TRAIN', DatasetSource: { GroundTruthManifest: { S3Object } } }),
);
const { DatasetDescription } = await rekognition.send(new DescribeDatasetCommand({ DatasetArn }));
await rekognition.send(new DeleteProjectVersionCommand({ ProjectVersionArn }));
while (await version()) await pause();

const projects = [];
for await (const page of paginateDescribeProjects({ client: rekognition, pageSize: 1 }, {})) {
  projects.push(...page.ProjectDescriptions.map((project) => project.ProjectArn));
}
console.log(
  JSON.stringify({
    stacks: stacks.Stacks.map((stack) => stack.StackName),
    refusedAs: refusal instanceof ResourceInUseException ? refusal.name : String(refusal),
    f1IsNumber: typeof trained.EvaluationResult.F1Score === 'number',
    createdIsDate: trained.CreationTimestamp instanceof Date,
    labels: CustomLabels.map((label) => label.Name).sort(),
    statusMessageIsText: typeof DatasetDescription.StatusMessage === 'string',
    isListed: projects.includes(ProjectArn),
    project: ProjectArn,
  }),
);
